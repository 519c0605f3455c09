// SPDX-License-Identifier: MIT
#include "image/worker_protocol.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Sends and receives `object` over a socket. */
static json_t *over_socket(json_t *object)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	struct err err = {0};
	json_t *got = NULL;
	int pair[2];

	CHECK(fd_socketpair(pair, &err) == 0);
	worker_lines_init(&lines, pair[0]);
	CHECK(worker_send(pair[1], object, &err) == 0);
	CHECK(worker_next(&lines, &got, &err) == 0);
	CHECK(worker_fill(&lines, &err) == 1 && worker_next(&lines, &got, &err) == 1);
	close(pair[1]);
	CHECK(worker_fill(&lines, &err) == 0);
	CHECK(worker_send(pair[0], json_object(), &err) < 0 && err.code == ERR_CANCELLED);
	close(pair[0]);
	return got;
}

static void check_job(void)
{
	char host[] = "localhost:5000", repository[] = "a/b", name[] = "me", ref[] = "1";
	char os[] = "linux", architecture[] = "arm64", none[] = "";
	const struct worker_job job = {
		.max_size = UINT64_C(1) << 40,
		.platform = {os, architecture, none},
		.ref = ref,
		.registries = {{host, repository, name, .plain_http = true}, {host, repository}},
		.registry_count = 2,
	};
	AUTO(worker_job_done) struct worker_job got = {0};
	struct err err = {0};
	json_t *object;

	TEST("a job arrives as it was sent");
	object = over_socket(worker_job_to_json(&job));
	CHECK(worker_job_from_json(object, &got, &err) == 0);
	json_decref(object);
	CHECK(!got.import && got.max_size == job.max_size && got.registry_count == 2);
	CHECK_STR(got.ref, "1");
	CHECK_STR(got.platform.architecture, "arm64");
	CHECK_STR(got.registries[0].username, "me");
	CHECK(got.registries[0].plain_http && !got.registries[1].plain_http);
	CHECK(!got.registries[0].password && !got.registries[1].username && !got.http_proxy);
}

static void check_messages(void)
{
	struct pull_progress progress = {1, 3, DIGEST, 10, 20, false, true};
	AUTO(worker_message_done) struct worker_message message = {0};
	struct err err = {0}, failure = {0};
	json_t *object;

	TEST("messages arrive as they were sent");
	object = over_socket(worker_progress_to_json(&progress));
	CHECK(worker_message_from_json(object, &message, &err) == 0);
	json_decref(object);
	CHECK(message.type == WORKER_PROGRESS && message.progress.layer == 1);
	CHECK(message.progress.finished && !message.progress.cached);
	CHECK_STR(message.progress.digest, DIGEST);
	err_set_(&failure, ERR_NOT_FOUND, "no\x1b[31m\n");
	object = over_socket(worker_error_to_json(&failure));
	CHECK(worker_message_from_json(object, &message, &err) == 0);
	json_decref(object);
	CHECK(message.type == WORKER_ERROR && message.error.code == ERR_NOT_FOUND);
	CHECK_STR(message.error.msg, "no?[31m ");
}

static void check_refused(const char *text, const char *want)
{
	AUTO(worker_message_done) struct worker_message message = {0};
	json_t *object = json_loads(text, 0, NULL);
	struct err err = {0};

	CHECK(worker_message_from_json(object, &message, &err) < 0 && err.code == ERR_PROTOCOL);
	CHECK_STR(err.msg, want);
	json_decref(object);
}

static void check_bounds(void)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	struct err err = {0};
	json_t *object = NULL;
	int rc = 1, pair[2];
	char block[4096];

	TEST("what the worker may not say");
	check_refused("{}", "image worker: bad member 'error'");
	check_refused("{\"error\": {\"code\": \"none\", \"message\": \"a\"}}",
		      "image worker: bad member 'error'");
	check_refused("{\"done\": {\"digest\": \"sha256:../..\", \"layers\": []}}",
		      "image worker: bad member 'digest'");
	check_refused("{\"done\": {\"digest\": \"" DIGEST "\", \"layers\": []}}",
		      "image worker: bad member 'layers'");
	check_refused("{\"progress\": {\"layer\": 3, \"count\": 3, \"done\": 0, \"total\": 0,"
		      " \"digest\": \"" DIGEST "\"}}",
		      "image worker: bad member 'layer'");
	check_refused("{\"progress\": {\"layer\": -1}}", "image worker: bad member 'layer'");

	TEST("a line without end is refused");
	CHECK(fd_socketpair(pair, &err) == 0);
	worker_lines_init(&lines, pair[0]);
	memset(block, 'x', sizeof(block));
	for (size_t sent = 0; rc > 0 && sent <= LIMIT_WORKER_LINE; sent += sizeof(block)) {
		CHECK(fd_write_all(pair[1], block, sizeof(block), "socket", &err) == 0);
		rc = worker_fill(&lines, &err);
	}
	CHECK(rc < 0 && err.code == ERR_LIMIT);
	close(pair[0]);
	close(pair[1]);
	worker_lines_done(&lines);
	worker_lines_init(&lines, -1);
	buf_puts(&lines.in, "[]\n");
	CHECK(worker_next(&lines, &object, &err) < 0 && err.code == ERR_PROTOCOL);
}

int main(void)
{
	check_job();
	check_messages();
	check_bounds();
	return tap_done();
}
