// SPDX-License-Identifier: MIT
/*
 * The user's side of an export: see worker_export.h.
 *
 * Happy path: the worker is started with the output and the image's blobs, is told the rest in one
 * line, and ends with status 0.
 *
 * Failure modes: the worker's error is ours; one that dies is told with how.
 */
#include "image/worker_export.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "image/manifest.h"
#include "image/store.h"
#include "image/worker_jail.h"
#include "image/worker_protocol.h"

#include <fcntl.h>
#include <string.h>

static json_t *describe(const struct image *image, const char *name,
			const struct platform *platform)
{
	json_t *object = json_pack("{ss sI so}", "architecture", platform->architecture, "layers",
				   (json_int_t)image->layer_count, "config",
				   image_config_to_json(&image->config));

	json_object_set_new(object, "name", json_string(name));
	return object;
}

static int start(const struct image *image, int peer, int out_fd, struct proc *ret_proc,
		 struct err *err)
{
	AUTO_FREE char *program = NULL, *blobs_dir = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;
	int fds[2 + LIMIT_IMAGE_LAYERS];
	struct worker_jail jail;

	if (path_helper("image-worker", &program, err) < 0)
		return -1;
	blobs_dir = xstrndup(image->layers[0],
			     (size_t)(strrchr(image->layers[0], '/') - image->layers[0]));
	worker_jail_init(&jail, program, blobs_dir, NULL);
	worker_jail_use(&jail, &spec);
	spec.argv = (char *[]){program, (char *)"export", NULL};
	fds[0] = peer;
	fds[1] = out_fd;
	memcpy(&fds[2], image->locks, image->layer_count * sizeof(int));
	spec.fds = fds;
	spec.fd_count = 2 + image->layer_count;
	return proc_start(&spec, ret_proc, err);
}

/* Waits for the worker's end: 0, or -1 with what it said. */
static int await(int sock, struct proc *proc, struct err *err)
{
	AUTO(worker_lines_done) struct worker_lines lines;
	AUTO(worker_message_done) struct worker_message message = {0};
	json_t *object = NULL;
	char how[64];
	int rc, status;

	worker_lines_init(&lines, sock);
	while ((rc = worker_next(&lines, &object, err)) == 0) {
		rc = worker_fill(&lines, err);
		if (rc <= 0)
			break;
	}
	if (rc > 0)
		rc = worker_message_from_json(object, &message, err);
	json_decref(object);
	if (rc < 0)
		return -1;
	if (message.type == WORKER_ERROR && message.error.code != ERR_NONE) {
		*err = message.error;
		return -1;
	}
	if (proc_wait(proc, -1, &status, err) < 0)
		return -1;
	proc_describe(status, how, sizeof(how));
	return status == 0 ? 0 : err_set(err, ERR_INTERNAL, "the image worker gave up: %s", how);
}

static int converse(const struct image *image, const char *name, int sock, struct proc *proc,
		    struct err *err)
{
	AUTO(platform_done) struct platform platform = {0};

	if (platform_parse(NULL, &platform, err) < 0 ||
	    worker_send(sock, describe(image, name, &platform), err) < 0)
		return -1;
	return await(sock, proc, err);
}

int worker_export(const struct image *image, const char *name, int out_fd, struct err *err)
{
	AUTO(proc_kill) struct proc proc = PROC_INIT;
	AUTO_FD int sock = -1, peer = -1;
	int pair[2];

	if (image->layer_count > LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_LIMIT, "more than %d layers", LIMIT_IMAGE_LAYERS);
	if (fd_socketpair(pair, err) < 0)
		return -1;
	sock = pair[0];
	peer = pair[1];
	if (start(image, peer, out_fd, &proc, err) < 0)
		return -1;
	close(STEAL_FD(peer)); /* so that the worker's end is the socket's */
	return converse(image, name, sock, &proc, err);
}
