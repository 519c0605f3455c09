// SPDX-License-Identifier: MIT
/* image_export NAME LAYER... > ARCHIVE: image/export.h by hand, for export.sh; base first. */
#include "base/attr.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/limits.h"
#include "image/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char config_text[] = "{\"user\": \"1000:1000\", \"working_dir\": \"/tmp\", "
				  "\"entrypoint\": [\"/bin/sh\", \"-c\"],"
				  " \"cmd\": [\"echo \\\"hello\\\"\"], \"env\": {\"PATH\": "
				  "\"/bin\", \"GREETING\": \"gr\u00fc\u00dfe\"}}";

static int make_config(struct image_config *ret_config, struct err *err)
{
	json_t *object = json_loads(config_text, 0, NULL);
	int result = image_config_from_json(object, ret_config, err);

	json_decref(object);
	return result;
}

static int run(const char *name, char *const *layers, size_t count, struct err *err)
{
	AUTO(image_config_done) struct image_config config = {0};
	int fds[LIMIT_IMAGE_LAYERS];
	const struct export_request request = {.config = &config,
					       .layers = fds,
					       .layer_count = count,
					       .architecture = "amd64",
					       .name = name};

	if (make_config(&config, err) < 0)
		return -1;
	if (count > ARRAY_SIZE(fds))
		return err_set(err, ERR_LIMIT, "too many layers");
	for (size_t i = 0; i < count; i++) {
		fds[i] = open(layers[i], O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			return err_sys(err, errno, "open '%s'", layers[i]);
	}
	return export_image(&request, STDOUT_FILENO, err);
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc >= 3 && run(argv[1], argv + 2, (size_t)argc - 2, &err) == 0)
		return 0;
	fprintf(stderr, "image_export: %s\n",
		argc >= 3 ? err.msg : "usage: image_export NAME LAYER...");
	return 1;
}
