// SPDX-License-Identifier: MIT
/*
 * EROFS on disk, as much of it as we write: what Linux 6.1 and later read.  Every number is
 * little-endian.
 *
 * The image is an array of 4 KiB blocks.  An inode lies on a 32-byte slot; its number (nid) counts
 * the slots from `meta_blkaddr`, which is 0 here.  Behind the inode follow its extended attributes
 * and, depending on the layout, the last part of the data or the table of its chunks.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum {
	EROFS_BLOCK = 4096,
	EROFS_BLOCK_BITS = 12,
	EROFS_SLOT = 32,
	EROFS_SLOTS_PER_BLOCK = EROFS_BLOCK / EROFS_SLOT,

	EROFS_SUPER_OFFSET = 1024,
	EROFS_ROOT_OFFSET = 1152, /* the first slot behind the superblock */

	EROFS_COMPAT_SB_CHKSUM = 0x1,
	EROFS_COMPAT_MTIME = 0x2, /* inodes keep their mtime (not their ctime) */
	EROFS_INCOMPAT_CHUNKED_FILE = 0x4,

	EROFS_NAME_MAX = 255,
};

#define EROFS_MAGIC	 0xE0F5E1E2u
#define EROFS_NULL_CHUNK 0xFFFFFFFFu /* a chunk of zeros that occupies nothing */

struct erofs_super {
	uint32_t magic;
	uint32_t checksum; /* CRC-32C of the rest of the block from here on, this field as 0 */
	uint32_t feature_compat;
	uint8_t block_bits;
	uint8_t ext_slots;
	uint16_t root_nid;
	uint64_t inode_count;
	uint64_t build_time; /* the mtime of every compact inode */
	uint32_t build_time_nsec;
	uint32_t block_count;
	uint32_t meta_blkaddr;
	uint32_t xattr_blkaddr;
	uint8_t uuid[16];
	uint8_t volume_name[16];
	uint32_t feature_incompat;
	uint8_t reserved[44];
};
static_assert(sizeof(struct erofs_super) == 128, "size of the superblock");

/* Where an inode's data is: bits 1 to 3 of `format`; bit 0 says whether it is extended. */
enum erofs_layout {
	EROFS_FLAT_PLAIN = 0,  /* consecutive blocks from `place` on */
	EROFS_FLAT_INLINE = 2, /* the same, the last part of it behind the inode */
	EROFS_CHUNKED = 4,     /* a table of block numbers behind the inode */
};

struct erofs_compact {
	uint16_t format;
	uint16_t xattr_count; /* 0: none; else 1 + 4-byte words behind the header */
	uint16_t mode;
	uint16_t nlink;
	uint32_t size;
	uint32_t reserved;
	uint32_t place; /* first block, device number, or size of a chunk as 2^n blocks */
	uint32_t ino;
	uint16_t uid;
	uint16_t gid;
	uint32_t reserved2;
};
static_assert(sizeof(struct erofs_compact) == 32, "size of a compact inode");

struct erofs_extended {
	uint16_t format;
	uint16_t xattr_count;
	uint16_t mode;
	uint16_t reserved;
	uint64_t size;
	uint32_t place;
	uint32_t ino;
	uint32_t uid;
	uint32_t gid;
	uint64_t mtime;
	uint32_t mtime_nsec;
	uint32_t nlink;
	uint8_t reserved2[16];
};
static_assert(sizeof(struct erofs_extended) == 64, "size of an extended inode");

/* Behind an inode with attributes: this, `shared_count` numbers of shared attributes (their offset
 * in the shared area in words), then the attributes of its own. */
struct erofs_xattr_header {
	uint32_t name_filter;
	uint8_t shared_count;
	uint8_t reserved[7];
};
static_assert(sizeof(struct erofs_xattr_header) == 12, "size of an attribute header");

/* One attribute: this, the name without its prefix, the value; filled up to a whole word. */
struct erofs_xattr_record {
	uint8_t name_len;
	uint8_t prefix;
	uint16_t value_size;
};
static_assert(sizeof(struct erofs_xattr_record) == 4, "size of an attribute record");

/* A directory block: its entries, then their names in the same order.  The first `name_offset`
 * gives away how many there are. */
struct erofs_dirent {
	uint64_t nid;
	uint16_t name_offset;
	uint8_t type;
	uint8_t reserved;
} __attribute__((packed));
static_assert(sizeof(struct erofs_dirent) == 12, "size of a directory entry");

enum erofs_type {
	EROFS_TYPE_REG = 1,
	EROFS_TYPE_DIR,
	EROFS_TYPE_CHR,
	EROFS_TYPE_BLK,
	EROFS_TYPE_FIFO,
	EROFS_TYPE_SOCK,
	EROFS_TYPE_LNK,
};
