// SPDX-License-Identifier: MIT
/*
 * The image worker: libexec/matchlock/image-worker, started and confined by worker.c, one job and
 * then the end.
 *
 * Happy path: the job is the first line of the socket; while it runs, a thread listens for the end
 * of the socket; the result is the last line.
 *
 * Failure modes: an error of the job is a line like any other.  When the socket ends, the user's
 * process has given up or is gone: the temporary files are removed and the process ends, whatever
 * its threads are doing.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/confine.h"
#include "image/blobs.h"
#include "image/export_job.h"
#include "image/import.h"
#include "image/pull.h"
#include "image/worker_protocol.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void *wait_for_end(void *arg)
{
	struct blobs *blobs = arg;
	char byte;
	ssize_t got;

	do
		got = recv(WORKER_SOCKET_FD, &byte, 1, 0);
	while (got > 0 || (got < 0 && errno == EINTR));
	blobs_abandon_all(blobs);
	_exit(1);
}

static int send_progress(void *ctx ML_UNUSED, const struct pull_progress *progress, struct err *err)
{
	return worker_send(WORKER_SOCKET_FD, worker_progress_to_json(progress), err);
}

static int receive_job(struct worker_job *job, struct err *err)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	json_t *object = NULL;
	int rc;

	worker_lines_init(&lines, WORKER_SOCKET_FD);
	while ((rc = worker_next(&lines, &object, err)) == 0) {
		rc = worker_fill(&lines, err);
		if (rc <= 0)
			return rc < 0 ? -1 : err_set(err, ERR_CANCELLED, "no job");
	}
	if (rc > 0)
		rc = worker_job_from_json(object, job, err);
	json_decref(object);
	return rc;
}

static int run(struct blobs *blobs, struct pulled *pulled, struct err *err)
{
	const struct pull_sink sink = {.blobs = blobs, .report = send_progress};
	AUTO(worker_job_done) struct worker_job job = {0};
	pthread_t listener;
	int errnum;

	if (confine_to_self(err) < 0 || receive_job(&job, err) < 0)
		return -1;
	errnum = pthread_create(&listener, NULL, wait_for_end, blobs);
	if (errnum != 0)
		return err_sys(err, errnum, "start a thread");
	/* The end of the socket tells of the parent's death, and leaves time to clean up. */
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_INTERNAL, "libcurl does not start");
	if (job.import)
		return import_run(&job, WORKER_INPUT_FD, &sink, pulled, err);
	return pull_run(&job, &sink, pulled, err);
}

int main(int argc, char **argv)
{
	struct blobs *blobs = blobs_new(WORKER_BLOBS_FD);
	AUTO(pulled_done) struct pulled pulled = {0};
	struct err err = {0};
	int rc;

	if (send(WORKER_SOCKET_FD, "", 0, MSG_NOSIGNAL) < 0) {
		fputs("image-worker: this is a part of matchlock, not a command\n", stderr);
		return 1;
	}
	if (argc == 2 && strcmp(argv[1], "export") == 0)
		_exit(export_job());
	rc = run(blobs, &pulled, &err);
	blobs_abandon_all(blobs);
	rc = worker_send(WORKER_SOCKET_FD,
			 rc < 0 ? worker_error_to_json(&err) : worker_pulled_to_json(&pulled),
			 &err);
	/* Not exit(): the listener still runs, and uses `blobs`. */
	_exit(rc < 0);
}
