// SPDX-License-Identifier: MIT
/*
 * Reads EROFS images that image/erofs.h wrote (not EROFS in general: uncompressed, 4 KiB blocks).
 * The file may be damaged: every offset and length is checked, a bad one is ERR_PROTOCOL.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/erofs.h"

#include <stdint.h>
#include <sys/types.h>

struct erofs_reader;

/* `fd` is borrowed and must stay open. */
int erofs_reader_open(int fd, struct erofs_reader **ret_reader, struct err *err);
void erofs_reader_free(struct erofs_reader *reader);
DEFINE_AUTO(erofs_reader)

/* Visits every entry, a directory before what is in it, names in byte order; the second and later
 * names of an inode come with `link` set to the first.  `nid` is for erofs_reader_data().  A
 * callback that returns -1 (with err) ends the walk. */
typedef int erofs_visit_fn(void *ctx, const struct erofs_entry *entry, uint64_t nid,
			   struct err *err);
int erofs_reader_walk(struct erofs_reader *reader, erofs_visit_fn *visit, void *ctx,
		      struct err *err);

/* The inode at `path` (no symbolic link is followed): ERR_NOT_FOUND. */
int erofs_reader_lookup(struct erofs_reader *reader, const char *path, uint64_t *ret_nid,
			struct err *err);

/* The same for one name in the directory `dir_nid`: 1, 0 if there is none, -1. */
int erofs_reader_find(struct erofs_reader *reader, uint64_t dir_nid, struct view name,
		      uint64_t *ret_nid, struct err *err);

/* The entry of an inode; what it points to lives until the next call. */
int erofs_reader_entry(struct erofs_reader *reader, uint64_t nid, struct erofs_entry *ret_entry,
		       struct err *err);

/* The content of a regular file in pieces: `data` for bytes, `hole` for runs of zeros. */
struct erofs_sink {
	int (*data)(void *ctx, const void *bytes, size_t len, struct err *err);
	int (*hole)(void *ctx, uint64_t len, struct err *err);
	void *ctx;
};
int erofs_reader_data(struct erofs_reader *reader, uint64_t nid, const struct erofs_sink *sink,
		      struct err *err);
