// SPDX-License-Identifier: MIT
/*
 * An image out of the store, as an OCI archive (image/export.h), made by the image worker in its
 * jail: it reads blobs, which may be damaged.
 *
 * The worker is started as `image-worker export`.  Its descriptors: WORKER_SOCKET_FD, then the
 * output, then the layers.  It gets one line,
 *
 *	{"name": "app:1", "architecture": "amd64", "layers": 3, "config": {...}}
 *
 * (`name` may be missing) and answers with an `error` line of image/worker_protocol.h, or by ending
 * with status 0.
 */
#pragma once

#include "base/err.h"

struct image;

enum {
	EXPORT_OUTPUT_FD = 4,
	EXPORT_LAYERS_FD = 5, /* and the following */
};

/* Writes the archive to `out_fd`; `name` is the image's in it. */
int worker_export(const struct image *image, const char *name, int out_fd, struct err *err);
