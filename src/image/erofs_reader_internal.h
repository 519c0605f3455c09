// SPDX-License-Identifier: MIT
/* What the files of the EROFS reader share; erofs_reader.h is the manual. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "image/erofs_format.h"
#include "image/erofs_reader.h"

enum {
	EROFS_CACHE_BLOCKS = 32,
	EROFS_READ_SIZE = 128 * 1024,
};

/* An inode, checked: everything of it lies within the file. */
struct erofs_stat {
	uint64_t nid;
	uint64_t size;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t nlink;
	uint32_t place; /* first block, device number or size of chunk */
	enum erofs_layout layout;
	uint64_t xattrs; /* offset in the file */
	size_t xattr_size;
	uint64_t body; /* where the inline data or the table of chunks is */
};

struct erofs_reader {
	int fd; /* borrowed */
	uint32_t block_count;
	uint64_t root_nid;
	uint64_t shared_xattrs; /* offset in the file */
	int64_t build_time;
	uint32_t build_time_nsec;

	/* blocks of metadata: number n lies at n modulo EROFS_CACHE_BLOCKS */
	char *cache;
	uint32_t cached[EROFS_CACHE_BLOCKS]; /* their numbers + 1; 0: none */
	char *data;			     /* EROFS_READ_SIZE bytes for the content of files */

	/* of the entry that was asked for last */
	struct erofs_xattr xattrs[LIMIT_EROFS_XATTRS];
	struct buf xattr_area, xattr_texts;
	char target[LIMIT_EROFS_PATH];
};

/* ERR_PROTOCOL "damaged EROFS image: ..." */
#define erofs_damaged(err, ...) (err_set_(err, ERR_PROTOCOL, __VA_ARGS__), erofs_damaged_(err))
int erofs_damaged_(struct err *err);

/* A block by its number, from the cache; valid until the next call.  NULL with err. */
const char *erofs_reader_block(struct erofs_reader *reader, uint64_t block, struct err *err);
/* Copies bytes of metadata. */
int erofs_reader_bytes(struct erofs_reader *reader, uint64_t offset, void *ret_bytes, size_t len,
		       struct err *err);
/* Reads the inode. */
int erofs_reader_stat(struct erofs_reader *reader, uint64_t nid, struct erofs_stat *ret_stat,
		      struct err *err);
/* Makes the entry of an inode that was read; `path` and `link` stay NULL. */
int erofs_reader_describe(struct erofs_reader *reader, const struct erofs_stat *stat,
			  struct erofs_entry *ret_entry, struct err *err);

/* erofs_reader_xattr.c: the attributes of an inode into reader->xattrs. */
int erofs_reader_xattrs(struct erofs_reader *reader, const struct erofs_stat *stat,
			size_t *ret_count, struct err *err);
