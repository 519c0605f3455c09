// SPDX-License-Identifier: MIT
/*
 * image/worker_protocol.c: the input is what a worker that was taken over writes to its socket, one
 * message a line; each line is read as a job too.  What is accepted can be written and read again.
 */
#include "image/worker_protocol.h"

#include "base/auto.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void check_job(json_t *object)
{
	AUTO(worker_job_done) struct worker_job job = {0}, again = {0};
	struct err err = {0};
	json_t *written;
	int rc;

	if (worker_job_from_json(object, &job, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return;
	}
	written = worker_job_to_json(&job);
	rc = worker_job_from_json(written, &again, &err);
	assert(rc == 0 && again.registry_count == job.registry_count);
	json_decref(written);
}

static void check_message(json_t *object)
{
	AUTO(worker_message_done) struct worker_message message = {0};
	struct err err = {0};

	if (worker_message_from_json(object, &message, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return;
	}
	if (message.type == WORKER_PROGRESS)
		assert(message.progress.layer < message.progress.layer_count);
	if (message.type == WORKER_DONE)
		assert(message.pulled.layer_count > 0 &&
		       digest_is_valid(message.pulled.layers[0].blob));
	if (message.type == WORKER_ERROR)
		assert(message.error.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	json_t *object = NULL;
	struct err err = {0};
	int rc;

	worker_lines_init(&lines, -1);
	buf_put(&lines.in, data, size);
	while ((rc = worker_next(&lines, &object, &err)) > 0) {
		check_job(object);
		check_message(object);
		json_decref(object);
	}
	assert(rc == 0 || err.code != ERR_NONE);
	return 0;
}
