// SPDX-License-Identifier: MIT
/*
 * See erofs_meta.h.  The kernel wants inline data within one block, a symbolic link with its inode
 * even; so whatever fits into a block lies in one, in that with the least room that suffices.
 */
#include "image/erofs_meta.h"

#include "base/alloc.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

void erofs_meta_init(struct erofs_meta *meta)
{
	*meta = (struct erofs_meta){0};
	meta->pool = xcalloc(EROFS_POOL_BLOCKS, EROFS_BLOCK);
}

void erofs_meta_done(struct erofs_meta *meta)
{
	free(meta->pool);
	free(meta->bases);
}

static uint32_t slot_in(const struct erofs_meta *meta, uint32_t block, uint32_t offset)
{
	return meta->pool_number * EROFS_POOL_SLOTS + block * EROFS_SLOTS_PER_BLOCK +
	       offset / EROFS_SLOT;
}

bool erofs_meta_place(struct erofs_meta *meta, size_t size, uint32_t *ret_slot)
{
	uint32_t best = meta->block_count;
	size_t blocks;

	size = (size + EROFS_SLOT - 1) & ~(size_t)(EROFS_SLOT - 1);
	blocks = (size + EROFS_BLOCK - 1) / EROFS_BLOCK;
	assert(blocks <= EROFS_POOL_BLOCKS);
	for (uint32_t i = 0; size <= EROFS_BLOCK && i < meta->block_count; i++) {
		if (meta->filled[i] + size <= EROFS_BLOCK &&
		    (best == meta->block_count || meta->filled[i] > meta->filled[best]))
			best = i;
	}
	if (best < meta->block_count) {
		*ret_slot = slot_in(meta, best, meta->filled[best]);
		meta->filled[best] = (uint16_t)(meta->filled[best] + size);
		return true;
	}
	if (meta->block_count + blocks > EROFS_POOL_BLOCKS)
		return false;
	*ret_slot = slot_in(meta, meta->block_count, 0);
	while (size > 0) {
		size_t part = MIN(size, (size_t)EROFS_BLOCK);

		meta->filled[meta->block_count++] = (uint16_t)part;
		size -= part;
	}
	return true;
}

void erofs_meta_close(struct erofs_meta *meta, uint32_t base)
{
	meta->bases = xreallocarray(meta->bases, meta->pool_number + 1u, sizeof(*meta->bases));
	meta->bases[meta->pool_number++] = base;
	meta->block_count = 0;
}

char *erofs_meta_at(const struct erofs_meta *meta, uint32_t slot)
{
	return meta->pool + (size_t)(slot % EROFS_POOL_SLOTS) * EROFS_SLOT;
}

uint64_t erofs_meta_nid(const struct erofs_meta *meta, uint32_t slot)
{
	uint32_t pool = slot / EROFS_POOL_SLOTS;

	assert(pool < meta->pool_number);
	return (uint64_t)meta->bases[pool] * EROFS_SLOTS_PER_BLOCK + slot % EROFS_POOL_SLOTS;
}

bool erofs_raw_is_compact(const struct erofs_raw *raw, int64_t build_time)
{
	return raw->attr->mtime == build_time && raw->attr->mtime_nsec == 0 &&
	       raw->attr->uid <= UINT16_MAX && raw->attr->gid <= UINT16_MAX &&
	       raw->nlink <= UINT16_MAX && raw->size <= UINT32_MAX;
}

size_t erofs_raw_size(const struct erofs_raw *raw, int64_t build_time)
{
	return raw->xattrs.len + (erofs_raw_is_compact(raw, build_time)
					  ? sizeof(struct erofs_compact)
					  : sizeof(struct erofs_extended));
}

static uint16_t xattr_count(const struct erofs_raw *raw)
{
	if (raw->xattrs.len == 0)
		return 0;
	return (uint16_t)(1 +
			  (raw->xattrs.len - sizeof(struct erofs_xattr_header)) / sizeof(uint32_t));
}

static char *encode_compact(const struct erofs_raw *raw, char *at)
{
	struct erofs_compact inode = {
		.format = htole16((uint16_t)(raw->layout << 1)),
		.xattr_count = htole16(xattr_count(raw)),
		.mode = htole16((uint16_t)raw->attr->mode),
		.nlink = htole16((uint16_t)raw->nlink),
		.size = htole32((uint32_t)raw->size),
		.place = htole32(raw->place),
		.ino = htole32(raw->ino),
		.uid = htole16((uint16_t)raw->attr->uid),
		.gid = htole16((uint16_t)raw->attr->gid),
	};

	memcpy(at, &inode, sizeof(inode));
	return at + sizeof(inode);
}

static char *encode_extended(const struct erofs_raw *raw, char *at)
{
	struct erofs_extended inode = {
		.format = htole16((uint16_t)(raw->layout << 1 | 1)),
		.xattr_count = htole16(xattr_count(raw)),
		.mode = htole16((uint16_t)raw->attr->mode),
		.size = htole64(raw->size),
		.place = htole32(raw->place),
		.ino = htole32(raw->ino),
		.uid = htole32(raw->attr->uid),
		.gid = htole32(raw->attr->gid),
		.mtime = htole64((uint64_t)raw->attr->mtime),
		.mtime_nsec = htole32(raw->attr->mtime_nsec),
		.nlink = htole32(raw->nlink),
	};

	memcpy(at, &inode, sizeof(inode));
	return at + sizeof(inode);
}

void erofs_raw_encode(const struct erofs_raw *raw, int64_t build_time, char *ret_bytes)
{
	char *at = erofs_raw_is_compact(raw, build_time) ? encode_compact(raw, ret_bytes)
							 : encode_extended(raw, ret_bytes);

	if (raw->xattrs.len > 0)
		memcpy(at, raw->xattrs.ptr, raw->xattrs.len);
	if (raw->tail.len > 0)
		memcpy(at + raw->xattrs.len, raw->tail.ptr, raw->tail.len);
}

/* CRC-32C without the inversion at the end, as the kernel computes it. */
uint32_t erofs_checksum(const char *super)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < EROFS_BLOCK - EROFS_SUPER_OFFSET; i++) {
		crc ^= (unsigned char)super[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return crc;
}
