// SPDX-License-Identifier: MIT
/* What the files of the EROFS writer share; erofs.h is the manual. */
#pragma once

#include "base/buf.h"
#include "image/erofs.h"
#include "image/erofs_format.h"
#include "image/erofs_meta.h"
#include "image/erofs_out.h"
#include "image/erofs_tree.h"
#include "image/erofs_xattr.h"

/* The regular file whose data is arriving: erofs_file.c. */
struct erofs_file {
	char *name; /* quoted for messages; NULL while there is no file */
	struct erofs_node *node;
	struct erofs_attr attr;
	uint64_t size;
	uint64_t seen;	     /* bytes that have arrived */
	uint64_t put;	     /* bytes that have been put out or left out as holes */
	uint64_t tail_start; /* from here on the data may become inline */
	uint32_t start;	     /* the first block */

	bool in_chunks; /* holes are looked for */
	bool in_zeros;	/* the current chunk has held nothing but zeros so far */
	bool has_holes;
	unsigned chunk_bits; /* 2^n blocks a chunk */
	uint32_t chunk_count;
	uint32_t *chunks;    /* their first blocks, as on disk; room for EROFS_CHUNKS_MAX */
	uint32_t next_block; /* of the next chunk that is no hole */
	char tail[EROFS_BLOCK];
};

struct erofs_writer {
	struct erofs_params params;
	struct erofs_out out;
	struct erofs_tree tree;
	struct erofs_meta meta;
	struct erofs_xattrs xattrs;
	struct buf entry_xattrs; /* of the entry being added, encoded */
	struct erofs_file file;
	struct erofs_inode **linked; /* inodes that were given a second link */
	size_t linked_count;
	uint32_t next_ino;
	bool chunked; /* some file is */
};

enum { EROFS_CHUNKS_MAX = 16384 };

/* erofs.c: lays an inode into the image and makes the node stand for it. */
int erofs_put_inode(struct erofs_writer *writer, struct erofs_node *node, struct erofs_raw *raw,
		    enum erofs_type type, struct err *err);
/* Makes the node a directory as the entry describes it. */
int erofs_put_dir(struct erofs_writer *writer, struct erofs_node *node,
		  const struct erofs_entry *entry, struct err *err);
/* True if the tail of `size` bytes can lie behind the inode. */
bool erofs_fits_inline(const struct erofs_writer *writer, const struct erofs_raw *raw, size_t size);

/* erofs_file.c: a regular file begins, and ends at once if it is empty. */
int erofs_file_begin(struct erofs_writer *writer, struct erofs_node *node,
		     const struct erofs_attr *attr, const struct erofs_entry *entry,
		     struct err *err);

/* erofs_dir.c: all directories, behind everything else. */
struct erofs_root {
	char inode[EROFS_BLOCK - EROFS_ROOT_OFFSET]; /* the root's, which lies in block 0 */
};
int erofs_write_dirs(struct erofs_writer *writer, struct erofs_root *ret_root, struct err *err);
