// SPDX-License-Identifier: MIT
/*
 * The user's images: CACHE/images/metadata.db and CACHE/images/blobs/ (reference:
 * guest-images-lifecycle.md chapter 4).  `matchlock/base` is an artefact beside the program: the
 * store registers it by itself whenever it is asked for it and does not have it.
 *
 * Many processes use a store at once, and any of them may be killed at any moment.  Four locks of
 * the kernel (flock), taken in this order, keep the files and the database in step:
 *
 *	images/.pulling	  shared by everybody who puts blobs or temporary files into blobs/ until he
 *			  has saved his image (store_begin_pull()); exclusive by gc.  So gc never
 *			  meets a blob that is wanted but not yet recorded, and whatever in blobs/
 *			  is no recorded blob when gc has the lock is left over from the dead.
 *	images/.lock	  exclusive by everybody who changes what is recorded
 *	a blob itself	  shared by everybody who has found it in an image (struct image) or runs a
 *			  VM on it; gc removes only what it can lock exclusively
 *	metadata.db	  SQLite's own
 *
 * Blobs are written before the row that names them, and removed after it: at no moment does a row
 * name a blob that was never there.
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

/* An image that was found.  As long as it lives its blobs are locked, so that nobody removes them:
 * whoever runs a VM on it keeps it until the VM has ended. */
struct image {
	const char *scope; /* "local" or "registry" */
	char *tag;	   /* as typed */
	char *digest;	   /* of the platform manifest, "sha256:..." */
	struct image_config config;
	size_t layer_count;
	char **layers; /* paths of the EROFS blobs, base first, NULL-ended */
	int *locks;    /* descriptors of the same, one each */
	uint64_t size; /* bytes allocated by the layers */
};
void image_free(struct image *image);
DEFINE_AUTO(image)

/* The image with exactly this tag: local scope first, then the registry cache; every blob must be
 * there.  ERR_NOT_FOUND `image "REF" is not in the local store ...` with the remedy. */
int store_find(struct store *store, const char *ref, struct image **ret_image, struct err *err);

/* --- bringing images in --- */

/* Announces files to come in blobs/; closing *ret_fd is the end.  Files that a dead pull was still
 * writing are removed first.  ERR_TIMEOUT when gc takes longer than 15 s. */
int store_begin_pull(struct store *store, int *ret_fd, struct err *err);

struct pulled;

/* Saves what a pull or an import has brought, under `scope` ("registry" or "local") and `tag`.
 * `source` is "registry", "tag" or "import". */
int store_save_pulled(struct store *store, const char *scope, const char *tag, const char *source,
		      const struct pulled *pulled, struct err *err);

/* Gives the image the local tag `tag`, source "tag": the same blobs. */
int store_tag(struct store *store, const struct image *image, const char *tag, struct err *err);

/* --- what there is --- */

struct image_row {
	char *tag;
	char *source; /* "registry", "tag" or "import"; "local" where none is recorded */
	char *digest;
	char *created_at; /* RFC 3339 */
	uint64_t size;	  /* bytes allocated by its layers when it was saved */
	bool is_local;	  /* its scope */
};

struct image_rows {
	struct image_row *rows;
	size_t count;
};

/* All of them: the local ones, then those of the registry cache, each newest first. */
int store_list(struct store *store, struct image_rows *ret_rows, struct err *err);
void image_rows_done(struct image_rows *rows);

/* Forgets one image: the local one of that tag, else the registry's.  Its blobs are gc's.
 * ERR_NOT_FOUND `image not found: "TAG"`. */
int store_remove(struct store *store, const char *tag, struct err *err);
