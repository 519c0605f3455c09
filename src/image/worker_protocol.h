// SPDX-License-Identifier: MIT
/*
 * What the user's process (worker.c) and the image worker (worker_main.c) say to each other: JSON
 * objects, one a line, over a Unix socket.
 *
 * To the worker, once, as the first line:
 *
 *	{"job": "pull", "ref": "3.20", "max_size": N,
 *	 "platform": {"os": "linux", "architecture": "amd64", "variant": ""},
 *	 "registries": [{"host": "localhost:5000", "repository": "library/alpine",
 *	                 "plain_http": true, "username": S, "password": S, "identity_token": S},
 *	                ...],
 *	 "http_proxy": S, "https_proxy": S, "no_proxy": S, "ca_file": S}
 *	{"job": "import", "max_size": N, "platform": {...}}
 *
 * The registries are tried in this order, mirrors first.  Members that would be empty are left out.
 * From then on the worker only listens for the end of the socket, which means: stop and clean up.
 *
 * From the worker:
 *
 *	{"progress": {"layer": 0, "count": 3, "digest": "sha256:...", "done": N, "total": N,
 *	              "cached": false, "finished": false}}
 *	{"done": {"digest": "sha256:...", "config": {...},
 *	          "layers": [{"digest": "sha256:...", "blob": "sha256:..."}, ...]}}
 *	{"error": {"code": "not_found", "message": "..."}}
 *
 * `config` is as image_config_to_json() makes it; a layer's `finished` comes when its blob has its
 * name.  `done` or `error` is the last line.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "image/manifest.h"
#include "image/worker.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The worker's descriptors. */
enum {
	WORKER_SOCKET_FD = 3,
	WORKER_BLOBS_FD, /* the blobs folder */
	WORKER_INPUT_FD, /* of an import: the archive */
};

enum { WORKER_REGISTRIES_MAX = 16 };

struct worker_registry {
	char *host; /* "HOST[:PORT]" */
	char *repository;
	char *username, *password, *identity_token;
	bool plain_http;
};

struct worker_job {
	bool import;
	uint64_t max_size;
	struct platform platform;
	char *ref; /* of a pull: a tag or a digest */
	struct worker_registry registries[WORKER_REGISTRIES_MAX];
	size_t registry_count;
	char *http_proxy, *https_proxy, *no_proxy, *ca_file;
};

json_t *worker_job_to_json(const struct worker_job *job);
int worker_job_from_json(json_t *object, struct worker_job *ret_job, struct err *err);
void worker_job_done(struct worker_job *job);

json_t *worker_progress_to_json(const struct pull_progress *progress);
json_t *worker_error_to_json(const struct err *err);
json_t *worker_pulled_to_json(const struct pulled *pulled);

/* One message of the worker, whom the user's process does not trust: all is checked. */
struct worker_message {
	enum { WORKER_PROGRESS, WORKER_DONE, WORKER_ERROR } type;
	struct pull_progress progress; /* its digest is `digest` */
	char digest[DIGEST_TEXT_SIZE];
	struct pulled pulled;
	struct err error;
};
int worker_message_from_json(json_t *object, struct worker_message *ret_message, struct err *err);
void worker_message_done(struct worker_message *message);

/* --- lines --- */

/* Writes one line; takes the reference of `object`.  ERR_CANCELLED when the peer has gone. */
int worker_send(int sock, json_t *object, struct err *err);

struct worker_lines {
	int sock; /* borrowed */
	struct buf in;
};
void worker_lines_init(struct worker_lines *lines, int sock);
void worker_lines_done(struct worker_lines *lines);

/* Reads once, waiting for bytes: 1, 0 at the end, -1. */
int worker_fill(struct worker_lines *lines, struct err *err);

/* The next of the lines that were read: 1 with an object (json_decref()), 0 when there is no whole
 * one, -1. */
int worker_next(struct worker_lines *lines, json_t **ret_object, struct err *err);
