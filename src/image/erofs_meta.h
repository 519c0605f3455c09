// SPDX-License-Identifier: MIT
/*
 * Inodes, and where they lie.  Up to 1 MiB of them is collected (the pool), packed tightly into
 * blocks, and appended to the image between two files once nothing more fits in.  A slot numbers
 * the places of all pools through; it becomes a nid when its pool has got its place.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "image/erofs_format.h"
#include "image/erofs_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EROFS_POOL_BLOCKS = 256, EROFS_POOL_SLOTS = EROFS_POOL_BLOCKS * EROFS_SLOTS_PER_BLOCK };

struct erofs_meta {
	char *pool;
	uint16_t filled[EROFS_POOL_BLOCKS]; /* bytes of each block that are taken */
	uint32_t block_count;		    /* of the pool that are in use */
	uint32_t pool_number;		    /* how many have been closed */
	uint32_t *bases;		    /* the first block of each closed one */
};

void erofs_meta_init(struct erofs_meta *meta);
void erofs_meta_done(struct erofs_meta *meta);

/* Takes room: within one block if `size` is at most a block, else from the start of one on.  False
 * if the pool is too full for it. */
bool erofs_meta_place(struct erofs_meta *meta, size_t size, uint32_t *ret_slot);
/* The pool will lie at the block `base`; the next one begins (its bytes are not touched). */
void erofs_meta_close(struct erofs_meta *meta, uint32_t base);
/* The bytes of a slot while its pool is in memory. */
char *erofs_meta_at(const struct erofs_meta *meta, uint32_t slot);
/* The nid of a slot whose pool is closed. */
uint64_t erofs_meta_nid(const struct erofs_meta *meta, uint32_t slot);

/* All that makes an inode. */
struct erofs_raw {
	const struct erofs_attr *attr;
	uint64_t size;
	uint32_t nlink;
	enum erofs_layout layout;
	uint32_t place;	    /* first block, device number or size of chunk */
	uint32_t ino;	    /* what stat(2) shows to 32-bit programs */
	struct view xattrs; /* encoded */
	struct view tail;   /* inline data, or the table of chunks */
};

/* An inode of the image's build time and of small numbers is half as large. */
bool erofs_raw_is_compact(const struct erofs_raw *raw, int64_t build_time);
/* Bytes of the inode with its attributes, without the tail. */
size_t erofs_raw_size(const struct erofs_raw *raw, int64_t build_time);
/* Writes the inode, its attributes and its tail. */
void erofs_raw_encode(const struct erofs_raw *raw, int64_t build_time, char *ret_bytes);

/* The checksum of the superblock: over block 0 from `super` on, its checksum field being 0. */
uint32_t erofs_checksum(const char *super);
