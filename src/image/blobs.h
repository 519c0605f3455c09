// SPDX-License-Identifier: MIT
/*
 * The blobs folder, as the image worker writes it: files grow under a temporary name and get
 * theirs, sha256_HEX.erofs by diff id, when they are whole.  Threads share one struct blobs;
 * processes share the folder.
 */
#pragma once

#include "base/err.h"

struct blobs;
struct blobs *blobs_new(int dir_fd);

/* Removes every temporary file of ours.  For the end of the process: threads may still write to
 * files that have no name any more. */
void blobs_abandon_all(struct blobs *blobs);

/* A blob in the making; one thread's. */
struct blob {
	struct blobs *blobs;
	int fd;	       /* the empty file; -1: none */
	char name[96]; /* of the finished blob */
	char temp[100];
};

#define BLOB_INIT         \
	{                 \
		.fd = -1, \
	}

/* Starts the blob of a diff id: 0 with an empty file to fill, or 1 when it exists already.  While
 * another thread or process makes the same one, this waits for it. */
int blob_begin(struct blobs *blobs, const char *diff_id, struct blob *ret_blob, struct err *err);

/* Gives the file its name; it is on the disk then. */
int blob_commit(struct blob *blob, struct err *err);

/* Removes what was not committed.  An empty `blob` is allowed. */
void blob_abandon(struct blob *blob);

/* The finished blob of a diff id, for reading. */
int blob_open(struct blobs *blobs, const char *diff_id, int *ret_fd, struct err *err);

/* An empty file without a name. */
int blob_scratch(struct blobs *blobs, int *ret_fd, struct err *err);
