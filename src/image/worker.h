// SPDX-License-Identifier: MIT
/*
 * The image worker, seen from the user's process.  It is the one program of ours that reads what
 * registries, archives and layers say (libexec/matchlock/image-worker); it can write only into the
 * store's blobs folder.  Both speak JSON objects, one a line, over a socket
 * (image/worker_protocol.h).  Credentials are looked up here and handed over the socket, never by
 * argv.
 */
#pragma once

#include "api/image_config.h"
#include "base/err.h"
#include "crypto/digest.h"
#include "image/reference.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct pull_progress {
	size_t layer, layer_count;
	const char *digest;   /* of the layer */
	uint64_t done, total; /* compressed bytes; total 0: unknown */
	bool cached, finished;
};

struct pull_request {
	const struct reference *reference;
	const char *platform; /* "linux/amd64"; NULL: the host's */
	uint64_t max_size;    /* of the unpacked image; 0: the default of base/limits.h */
	/* Called as bytes come in, and with a layer_count of 0 while there is no news; may be NULL.
	 * Returning false cancels: ERR_CANCELLED. */
	bool (*progress)(void *ctx, const struct pull_progress *progress);
	void *ctx;
};

struct pulled_layer {
	char digest[DIGEST_TEXT_SIZE]; /* as the registry or the archive names it */
	char blob[DIGEST_TEXT_SIZE];   /* names it in the store: image/blobs.h */
};

/* What a pull or an import has put into the blobs folder, not yet recorded in the database. */
struct pulled {
	char digest[DIGEST_TEXT_SIZE]; /* of the manifest */
	struct image_config config;
	size_t layer_count;
	struct pulled_layer *layers; /* base first */
};
void pulled_done(struct pulled *pulled);

/* Resolves the reference at its registry and brings every layer that the store lacks. */
int worker_pull(struct store *store, const struct pull_request *request, struct pulled *ret_pulled,
		struct err *err);

/* The same from an archive on `fd` (docker save or OCI layout, compressed or not). */
int worker_import(struct store *store, int fd, uint64_t max_size, struct pulled *ret_pulled,
		  struct err *err);
