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

/* Takes images/.lock; closing *ret_fd is the unlock. */
int store_lock(const struct store *store, int *ret_fd, struct err *err);

/* flock() with a deadline; `operation` is LOCK_SH or LOCK_EX.  `what` names it in the error. */
int store_flock(int fd, int operation, unsigned timeout_ms, const char *what, struct err *err);

/* True if the file at `path` exists and somebody has it locked. */
bool store_blob_in_use(const char *path);

/* Opens images/.pulling without locking it. */
int store_open_pulling(const struct store *store, int *ret_fd, struct err *err);

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

/* Adds the entry or replaces the one of the same scope and tag, as one change.  Under
 * images/.lock. */
int store_save(struct store *store, const struct store_entry *entry, struct err *err);

/* Counts the references to each layer anew, as part of a change. */
int store_count_refs(struct store *store, struct err *err);

/* Fills the empty table layer_refs. */
#define STORE_REFS_INSERT                                                              \
	"INSERT INTO layer_refs (digest, fs_type, ref_count, size, updated_at)"        \
	" SELECT digest, fs_type, count(*), max(size), strftime('%Y-%m-%dT%H:%M:%SZ')" \
	" FROM image_layers GROUP BY digest, fs_type"

/* Deletes one entry, as part of a change that ends with store_count_refs(): 1, 0 if there is none,
 * -1. */
int store_forget(struct store *store, const char *scope, const char *tag, struct err *err);
