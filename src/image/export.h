// SPDX-License-Identifier: MIT
/*
 * An image as an OCI archive: a tar of an OCI image layout (image-spec 1.1: image-layout.md), with
 * uncompressed layers, as skopeo, podman and `image import` read it.  In the image worker only.
 */
#pragma once

#include "api/image_config.h"
#include "base/err.h"

#include <stddef.h>

struct export_request {
	const struct image_config *config;
	const int *layers; /* the EROFS blobs, base first */
	size_t layer_count;
	const char *architecture; /* as OCI names it: "amd64" */
	const char *name;	  /* the image's in the archive ("latest"); NULL: none */
};

/* Writes the archive to `out_fd`, from its current position on, without seeking (a pipe will do);
 * nothing is written elsewhere: every layer is made twice, once for its digest.  The same image
 * gives the same bytes.  ERR_IO: the output; ERR_PROTOCOL: a damaged layer. */
int export_image(const struct export_request *request, int out_fd, struct err *err);
