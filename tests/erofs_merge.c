// SPDX-License-Identifier: MIT
/* merge_layers() of image/merge.h by hand, for merge.sh: erofs_merge OUT LAYER..., base first. */
#include "base/attr.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/limits.h"
#include "image/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { BUILD_TIME = 1000000000 };

static int open_layers(char *const *paths, size_t count, int *ret_fds, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		ret_fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (ret_fds[i] < 0)
			return err_sys(err, errno, "open '%s'", paths[i]);
	}
	return 0;
}

static int run(const char *out, char *const *layers, size_t count, struct err *err)
{
	AUTO_FD int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int fds[LIMIT_IMAGE_LAYERS];

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", out);
	if (count > ARRAY_SIZE(fds))
		return err_set(err, ERR_LIMIT, "too many layers");
	if (open_layers(layers, count, fds, err) < 0)
		return -1;
	return merge_layers(fds, count, fd, BUILD_TIME, err);
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc >= 3 && run(argv[1], argv + 2, (size_t)argc - 2, &err) == 0)
		return 0;
	fprintf(stderr, "erofs_merge: %s\n", argc >= 3 ? err.msg : "usage: see its source");
	return 1;
}
