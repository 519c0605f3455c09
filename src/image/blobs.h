// SPDX-License-Identifier: MIT
/*
 * The blobs folder, as the image worker writes it: files grow under a temporary name and get
 * theirs, sha256_HEX.erofs, when they are whole.  Threads share one struct blobs; processes share
 * the folder.
 *
 * HEX is of the layer's diff id.  Where the blob has something of the layers below it
 * (layer_below.h), the same layer is another blob on other layers, and HEX is of all their diff
 * ids: blob_chain_digest().
 */
#pragma once

#include "base/err.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>

struct blobs;
struct blobs *blobs_new(int dir_fd);

/* Removes every temporary file of ours.  For the end of the process: threads may still write to
 * files that have no name any more. */
void blobs_abandon_all(struct blobs *blobs);

/* A blob in the making; one thread's. */
struct blob {
	struct blobs *blobs;
	int fd; /* the empty file; -1: none */
	char diff_id[DIGEST_TEXT_SIZE];
	char chain[DIGEST_TEXT_SIZE];  /* blob_chain_digest() */
	char digest[DIGEST_TEXT_SIZE]; /* of the two that names the finished blob */
	char temp[100];
};

#define BLOB_INIT         \
	{                 \
		.fd = -1, \
	}

/* The SHA-256 of "matchlock-links-v1\n" and the diff ids of the layer and of those below it, base
 * first, each with "\n". */
void blob_chain_digest(char *const *diff_ids, size_t layer, char ret_text[DIGEST_TEXT_SIZE]);

/* Starts the blob of diff_ids[layer] on top of those before it: 0 with an empty file to fill, or 1
 * with `digest` when it exists already.  While another thread or process makes the same one, this
 * waits for it; who waits for lower layers meanwhile, waits in the same order as all others. */
int blob_begin(struct blobs *blobs, char *const *diff_ids, size_t layer, struct blob *ret_blob,
	       struct err *err);

/* Gives the file its name, in `digest` too; it is on the disk then.  `chained`: it has something of
 * the layers below. */
int blob_commit(struct blob *blob, bool chained, struct err *err);

/* Removes what was not committed.  An empty `blob` is allowed. */
void blob_abandon(struct blob *blob);

/* A finished blob, for reading. */
int blob_open(struct blobs *blobs, const char *digest, int *ret_fd, struct err *err);

/* An empty file without a name. */
int blob_scratch(struct blobs *blobs, int *ret_fd, struct err *err);
