// SPDX-License-Identifier: MIT
/*
 * The user's images: CACHE/images/metadata.db and CACHE/images/blobs/ (reference:
 * guest-images-lifecycle.md chapter 4).  `matchlock/base` is an artefact beside the program: the
 * store registers it by itself whenever it is asked for it and does not have it.
 */
#pragma once

#include "api/image_config.h"
#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

int store_open(const char *cache_home, struct store **ret_store, struct err *err);
void store_free(struct store *store);
DEFINE_AUTO(store)

struct image {
	char *tag;    /* as typed */
	char *digest; /* of the platform manifest, "sha256:..." */
	struct image_config config;
	size_t layer_count;
	char **layers; /* paths of the EROFS blobs, base first, NULL-ended */
	uint64_t size; /* bytes allocated by the layers */
};
void image_free(struct image *image);
DEFINE_AUTO(image)

/* The image with exactly this tag: local scope first, then the registry cache; every blob must be
 * there.  ERR_NOT_FOUND `image "REF" is not in the local store ...` with the remedy. */
int store_find(struct store *store, const char *ref, struct image **ret_image, struct err *err);
