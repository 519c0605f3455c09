// SPDX-License-Identifier: MIT
/* `image-worker export`: see export_job.h.  Every failure becomes a line on the socket; when that
 * has gone, so has whoever wanted the archive. */
#include "image/export_job.h"

#include "base/auto.h"
#include "base/confine.h"
#include "base/limits.h"
#include "image/export.h"
#include "image/worker_export.h"
#include "image/worker_protocol.h"

#include <signal.h>

static int receive(json_t **ret_object, struct err *err)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	int rc;

	worker_lines_init(&lines, WORKER_SOCKET_FD);
	while ((rc = worker_next(&lines, ret_object, err)) == 0) {
		rc = worker_fill(&lines, err);
		if (rc <= 0)
			return rc < 0 ? -1 : err_set(err, ERR_CANCELLED, "no job");
	}
	return rc < 0 ? -1 : 0;
}

static int do_job(json_t *job, struct err *err)
{
	AUTO(image_config_done) struct image_config config = {0};
	json_int_t count = json_integer_value(json_object_get(job, "layers"));
	int layers[LIMIT_IMAGE_LAYERS];
	const struct export_request request = {
		.config = &config,
		.layers = layers,
		.layer_count = (size_t)count,
		.architecture = json_string_value(json_object_get(job, "architecture")),
		.name = json_string_value(json_object_get(job, "name")),
	};

	if (count < 1 || count > LIMIT_IMAGE_LAYERS || !request.architecture)
		return err_set(err, ERR_PROTOCOL, "not an export job");
	if (image_config_from_json(json_object_get(job, "config"), &config, err) < 0)
		return -1;
	for (int i = 0; i < (int)count; i++)
		layers[i] = EXPORT_LAYERS_FD + i;
	return export_image(&request, EXPORT_OUTPUT_FD, err);
}

int export_job(void)
{
	json_t *job = NULL;
	struct err err;
	int result = confine_to_self(&err);

	signal(SIGPIPE, SIG_IGN);
	if (result == 0)
		result = receive(&job, &err);
	if (result == 0)
		result = do_job(job, &err);
	json_decref(job);
	if (result == 0)
		return 0;
	(void)worker_send(WORKER_SOCKET_FD, worker_error_to_json(&err), &err);
	return 1;
}
