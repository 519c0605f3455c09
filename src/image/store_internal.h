// SPDX-License-Identifier: MIT
/* What the files that fill the store share. */
#pragma once

#include "image/store.h"
#include "state/db.h"

struct store {
	struct db *db;
	char *dir; /* CACHE/images */
};

/* DIR/blobs/sha256_HEX.erofs, malloc'ed. */
char *store_blob_path(const struct store *store, const char *digest);

/* Takes the lock that everybody holds who adds or deletes blobs; closing *ret_fd is the unlock. */
int store_lock(const struct store *store, int *ret_fd, struct err *err);

/* The entry of one scope: 1, 0 if there is none or a blob of it is missing, -1 with err. */
int store_lookup(struct store *store, const char *scope, const char *tag, struct image **ret_image,
		 struct err *err);

/* An entry to be saved; all borrowed. */
struct store_entry {
	const char *scope;  /* "local" or "registry" */
	const char *tag;    /* as typed */
	const char *digest; /* of the manifest */
	const char *source; /* "registry", "tag" or "import" */
	const struct image_config *config;
	const char *const *layers; /* digests, base first; their blobs are in place */
	size_t layer_count;
};

/* Adds the entry or replaces the one of the same scope and tag, as one change. */
int store_save(struct store *store, const struct store_entry *entry, struct err *err);

/* --- which compressed layer is which blob --- */

/* A layer that need not be fetched: 1 with its diff id (DIGEST_TEXT_SIZE bytes) when the compressed
 * `digest` is known and its blob is there and as long as it was; 0; -1 with err.  Ask under
 * store_begin_pull() (store.h), so that gc leaves the blob alone until the image is saved. */
int store_known_layer(struct store *store, const char *digest, char *ret_diff_id, struct err *err);

/* Remembers that the layer `digest` has become the blob of `diff_id`.  To be called as soon as the
 * blob has its name: a pull that is interrupted then goes on where it was. */
int store_learn_layer(struct store *store, const char *digest, const char *diff_id,
		      struct err *err);
