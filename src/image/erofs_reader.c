// SPDX-License-Identifier: MIT
/*
 * The EROFS reader: see erofs_reader.h.
 *
 * Happy path: the superblock is checked with its checksum; inodes, directories and attributes come
 * through a small cache of blocks, the content of files in large pieces past it.  Everything is
 * read with pread(2), not mapped: a blob that somebody truncates is then an error, not a SIGBUS.
 *
 * Failure modes: ERR_PROTOCOL for whatever does not hold, ERR_IO from the kernel, ERR_LIMIT where
 * an image holds more than the writer would write.
 */
#include "image/erofs_reader.h"

#include "base/alloc.h"
#include "image/erofs_meta.h"
#include "image/erofs_reader_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { CHUNKS_MAX = 16384, CHUNK_BITS_MAX = 19 };

int erofs_damaged_(struct err *err)
{
	return err_wrap(err, "damaged EROFS image");
}

/* Reads past the cache. */
static int read_exact(const struct erofs_reader *reader, uint64_t offset, char *ret_bytes,
		      size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t got = pread(reader->fd, ret_bytes, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read the EROFS image");
		if (got == 0)
			return erofs_damaged(err, "it ends at byte %llu",
					     (unsigned long long)offset);
		offset += (uint64_t)got;
		ret_bytes += got;
		len -= (size_t)got;
	}
	return 0;
}

static uint64_t image_size(const struct erofs_reader *reader)
{
	return (uint64_t)reader->block_count * EROFS_BLOCK;
}

const char *erofs_reader_block(struct erofs_reader *reader, uint64_t block, struct err *err)
{
	size_t slot = block % EROFS_CACHE_BLOCKS;
	char *bytes = reader->cache + slot * EROFS_BLOCK;

	if (block >= reader->block_count) {
		erofs_damaged(err, "block %llu is none of its %u", (unsigned long long)block,
			      reader->block_count);
		return NULL;
	}
	if (reader->cached[slot] == block + 1)
		return bytes;
	reader->cached[slot] = 0;
	if (read_exact(reader, block * EROFS_BLOCK, bytes, EROFS_BLOCK, err) < 0)
		return NULL;
	reader->cached[slot] = (uint32_t)block + 1;
	return bytes;
}

int erofs_reader_bytes(struct erofs_reader *reader, uint64_t offset, void *ret_bytes, size_t len,
		       struct err *err)
{
	char *out = ret_bytes;

	while (len > 0) {
		size_t at = offset % EROFS_BLOCK, part = MIN(len, EROFS_BLOCK - at);
		const char *block = erofs_reader_block(reader, offset / EROFS_BLOCK, err);

		if (!block)
			return -1;
		memcpy(out, block + at, part);
		out += part;
		offset += part;
		len -= part;
	}
	return 0;
}

static int check_super(struct erofs_reader *reader, uint64_t file_size, struct err *err)
{
	char block[EROFS_BLOCK], *start = block + EROFS_SUPER_OFFSET;
	struct erofs_super super;
	uint32_t checksum;

	if (file_size < EROFS_BLOCK)
		return erofs_damaged(err, "it has only %llu bytes", (unsigned long long)file_size);
	if (read_exact(reader, 0, block, sizeof(block), err) < 0)
		return -1;
	memcpy(&super, start, sizeof(super));
	if (le32toh(super.magic) != EROFS_MAGIC)
		return erofs_damaged(err, "it does not begin as one");
	memset(start + offsetof(struct erofs_super, checksum), 0, sizeof(super.checksum));
	checksum = erofs_checksum(start);
	if (le32toh(super.checksum) != checksum)
		return erofs_damaged(err, "the checksum of its first block is wrong");
	if (le32toh(super.feature_compat) != (EROFS_COMPAT_SB_CHKSUM | EROFS_COMPAT_MTIME) ||
	    (le32toh(super.feature_incompat) & ~(uint32_t)EROFS_INCOMPAT_CHUNKED_FILE) ||
	    super.block_bits != EROFS_BLOCK_BITS || super.ext_slots != 0 || super.meta_blkaddr != 0)
		return erofs_damaged(err, "it uses features that are not supported");
	reader->block_count = le32toh(super.block_count);
	if (reader->block_count == 0 || image_size(reader) > file_size)
		return erofs_damaged(err, "%u blocks are more than its %llu bytes",
				     reader->block_count, (unsigned long long)file_size);
	reader->root_nid = le16toh(super.root_nid);
	reader->shared_xattrs = (uint64_t)le32toh(super.xattr_blkaddr) * EROFS_BLOCK;
	reader->build_time = (int64_t)le64toh(super.build_time);
	reader->build_time_nsec = le32toh(super.build_time_nsec);
	return 0;
}

int erofs_reader_open(int fd, struct erofs_reader **ret_reader, struct err *err)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = xcalloc(1, sizeof(*reader));
	struct erofs_stat root;
	struct stat st;

	reader->fd = fd;
	reader->cache = xcalloc(EROFS_CACHE_BLOCKS, EROFS_BLOCK);
	reader->xattr_area = (struct buf)BUF_INIT(LIMIT_EROFS_XATTR_BYTES);
	reader->xattr_texts = (struct buf)BUF_INIT(2 * LIMIT_EROFS_XATTR_BYTES);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat the EROFS image");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "an EROFS image must be a regular file");
	if (check_super(reader, (uint64_t)st.st_size, err) < 0 ||
	    erofs_reader_stat(reader, reader->root_nid, &root, err) < 0)
		return -1;
	if (!S_ISDIR(root.mode))
		return erofs_damaged(err, "its root is no directory");
	*ret_reader = STEAL(reader);
	return 0;
}

void erofs_reader_free(struct erofs_reader *reader)
{
	if (!reader)
		return;
	buf_done(&reader->xattr_area);
	buf_done(&reader->xattr_texts);
	free(reader->cache);
	free(reader->data);
	free(reader);
}

static void decode_compact(const struct erofs_reader *reader, const void *bytes,
			   struct erofs_stat *stat)
{
	struct erofs_compact inode;

	memcpy(&inode, bytes, sizeof(inode));
	stat->mode = le16toh(inode.mode);
	stat->nlink = le16toh(inode.nlink);
	stat->size = le32toh(inode.size);
	stat->place = le32toh(inode.place);
	stat->uid = le16toh(inode.uid);
	stat->gid = le16toh(inode.gid);
	stat->mtime = reader->build_time;
	stat->mtime_nsec = reader->build_time_nsec;
}

static void decode_extended(const void *bytes, struct erofs_stat *stat)
{
	struct erofs_extended inode;

	memcpy(&inode, bytes, sizeof(inode));
	stat->mode = le16toh(inode.mode);
	stat->nlink = le32toh(inode.nlink);
	stat->size = le64toh(inode.size);
	stat->place = le32toh(inode.place);
	stat->uid = le32toh(inode.uid);
	stat->gid = le32toh(inode.gid);
	stat->mtime = (int64_t)le64toh(inode.mtime);
	stat->mtime_nsec = le32toh(inode.mtime_nsec);
}

static int check_type(const struct erofs_stat *stat, struct err *err)
{
	switch (stat->mode & S_IFMT) {
	case S_IFREG:
		if (stat->size > LIMIT_EROFS_FILE)
			break;
		return 0;
	case S_IFDIR:
		if (stat->size == 0 || stat->layout == EROFS_CHUNKED)
			break;
		return 0;
	case S_IFLNK:
		if (stat->size == 0 || stat->size >= LIMIT_EROFS_PATH ||
		    stat->layout == EROFS_CHUNKED)
			break;
		return 0;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		break;
	}
	return erofs_damaged(err, "inode %llu with mode 0%o has %llu bytes",
			     (unsigned long long)stat->nid, stat->mode,
			     (unsigned long long)stat->size);
}

/* Whether all that the inode points to lies within the image. */
static int check_place(const struct erofs_reader *reader, const struct erofs_stat *stat,
		       struct err *err)
{
	uint64_t blocks = stat->size / EROFS_BLOCK, tail = stat->size % EROFS_BLOCK;
	bool ok = true;

	if (!S_ISREG(stat->mode) && !S_ISDIR(stat->mode) && !S_ISLNK(stat->mode))
		return 0;
	switch (stat->layout) {
	case EROFS_FLAT_PLAIN:
		blocks += tail > 0;
		break;
	case EROFS_FLAT_INLINE:
		ok = tail > 0 && stat->body % EROFS_BLOCK + tail <= EROFS_BLOCK &&
		     stat->body + tail <= image_size(reader);
		break;
	case EROFS_CHUNKED:
		ok = stat->place <= CHUNK_BITS_MAX;
		blocks = 0; /* the table is looked at as it is used */
		break;
	}
	if (blocks > 0)
		ok = ok && stat->place > 0 && stat->place <= reader->block_count &&
		     blocks <= reader->block_count - stat->place;
	if (!ok)
		return erofs_damaged(err, "the data of inode %llu lies outside",
				     (unsigned long long)stat->nid);
	return 0;
}

int erofs_reader_stat(struct erofs_reader *reader, uint64_t nid, struct erofs_stat *ret_stat,
		      struct err *err)
{
	struct erofs_stat stat = {.nid = nid};
	char bytes[sizeof(struct erofs_extended)];
	uint16_t head[2]; /* format, xattr_count */
	size_t size = sizeof(struct erofs_compact);

	if (nid >= image_size(reader) / EROFS_SLOT)
		return erofs_damaged(err, "inode %llu lies outside", (unsigned long long)nid);
	if (erofs_reader_bytes(reader, nid * EROFS_SLOT, bytes, size, err) < 0)
		return -1;
	memcpy(head, bytes, sizeof(head));
	stat.layout = (enum erofs_layout)(le16toh(head[0]) >> 1);
	if (stat.layout != EROFS_FLAT_PLAIN && stat.layout != EROFS_FLAT_INLINE &&
	    stat.layout != EROFS_CHUNKED)
		return erofs_damaged(err, "inode %llu has an unknown layout",
				     (unsigned long long)nid);
	if (le16toh(head[0]) & 1) {
		size = sizeof(struct erofs_extended);
		if (erofs_reader_bytes(reader, nid * EROFS_SLOT, bytes, size, err) < 0)
			return -1;
		decode_extended(bytes, &stat);
	} else {
		decode_compact(reader, bytes, &stat);
	}
	stat.xattrs = nid * EROFS_SLOT + size;
	if (le16toh(head[1]) > 0)
		stat.xattr_size = sizeof(struct erofs_xattr_header) +
				  (le16toh(head[1]) - 1u) * sizeof(uint32_t);
	stat.body = stat.xattrs + stat.xattr_size;
	if (stat.body > image_size(reader) || stat.mtime_nsec >= 1000000000)
		return erofs_damaged(err, "inode %llu is not sound", (unsigned long long)nid);
	if (check_type(&stat, err) < 0 || check_place(reader, &stat, err) < 0)
		return -1;
	*ret_stat = stat;
	return 0;
}

/* A run of bytes of the image. */
static int give_bytes(struct erofs_reader *reader, uint64_t offset, uint64_t len,
		      const struct erofs_sink *sink, struct err *err)
{
	if (!reader->data)
		reader->data = xcalloc(1, EROFS_READ_SIZE);
	while (len > 0) {
		size_t part = (size_t)MIN(len, (uint64_t)EROFS_READ_SIZE);

		if (read_exact(reader, offset, reader->data, part, err) < 0 ||
		    sink->data(sink->ctx, reader->data, part, err) < 0)
			return -1;
		offset += part;
		len -= part;
	}
	return 0;
}

static int give_chunk(struct erofs_reader *reader, uint32_t block, uint64_t len,
		      const struct erofs_sink *sink, struct err *err)
{
	if (block == EROFS_NULL_CHUNK)
		return sink->hole(sink->ctx, len, err);
	if (block == 0 || block >= reader->block_count ||
	    len > (uint64_t)(reader->block_count - block) * EROFS_BLOCK)
		return erofs_damaged(err, "a chunk at block %u lies outside", block);
	return give_bytes(reader, (uint64_t)block * EROFS_BLOCK, len, sink, err);
}

static int give_chunks(struct erofs_reader *reader, const struct erofs_stat *stat,
		       const struct erofs_sink *sink, struct err *err)
{
	uint64_t chunk = (uint64_t)EROFS_BLOCK << stat->place, left = stat->size;
	uint64_t at = stat->body;

	if (stat->size / chunk >= CHUNKS_MAX + 1)
		return erofs_damaged(err, "a file of more than %d chunks", CHUNKS_MAX);
	for (; left > 0; at += sizeof(uint32_t)) {
		uint64_t part = MIN(left, chunk);
		uint32_t block;

		if (erofs_reader_bytes(reader, at, &block, sizeof(block), err) < 0 ||
		    give_chunk(reader, le32toh(block), part, sink, err) < 0)
			return -1;
		left -= part;
	}
	return 0;
}

int erofs_reader_data(struct erofs_reader *reader, uint64_t nid, const struct erofs_sink *sink,
		      struct err *err)
{
	struct erofs_stat stat;
	uint64_t inline_size = 0;

	if (erofs_reader_stat(reader, nid, &stat, err) < 0)
		return -1;
	if (!S_ISREG(stat.mode))
		return err_set(err, ERR_INVALID, "only a regular file has content");
	if (stat.layout == EROFS_CHUNKED)
		return give_chunks(reader, &stat, sink, err);
	if (stat.layout == EROFS_FLAT_INLINE)
		inline_size = stat.size % EROFS_BLOCK;
	if (give_bytes(reader, (uint64_t)stat.place * EROFS_BLOCK, stat.size - inline_size, sink,
		       err) < 0)
		return -1;
	return give_bytes(reader, stat.body, inline_size, sink, err);
}

static int read_target(struct erofs_reader *reader, const struct erofs_stat *stat, struct err *err)
{
	uint64_t at = stat->layout == EROFS_FLAT_INLINE ? stat->body
							: (uint64_t)stat->place * EROFS_BLOCK;

	if (erofs_reader_bytes(reader, at, reader->target, (size_t)stat->size, err) < 0)
		return -1;
	reader->target[stat->size] = '\0';
	if (strlen(reader->target) != stat->size)
		return erofs_damaged(err, "a symbolic link's target holds a NUL");
	return 0;
}

/* The inverse of the writer's: the kernel's encoding in 32 bits. */
static dev_t decode_device(uint32_t code)
{
	return makedev(code >> 8 & 0xfff, (code & 0xff) | (code >> 12 & ~0xffu));
}

int erofs_reader_describe(struct erofs_reader *reader, const struct erofs_stat *stat,
			  struct erofs_entry *ret_entry, struct err *err)
{
	struct erofs_entry entry = {
		.mode = stat->mode,
		.uid = stat->uid,
		.gid = stat->gid,
		.mtime = stat->mtime,
		.mtime_nsec = stat->mtime_nsec,
		.xattrs = reader->xattrs,
	};

	if (erofs_reader_xattrs(reader, stat, &entry.xattr_count, err) < 0)
		return -1;
	if (S_ISREG(stat->mode))
		entry.size = stat->size;
	if (S_ISCHR(stat->mode) || S_ISBLK(stat->mode))
		entry.rdev = decode_device(stat->place);
	if (S_ISLNK(stat->mode)) {
		if (read_target(reader, stat, err) < 0)
			return -1;
		entry.target = reader->target;
	}
	*ret_entry = entry;
	return 0;
}

int erofs_reader_entry(struct erofs_reader *reader, uint64_t nid, struct erofs_entry *ret_entry,
		       struct err *err)
{
	struct erofs_stat stat;

	if (erofs_reader_stat(reader, nid, &stat, err) < 0)
		return -1;
	return erofs_reader_describe(reader, &stat, ret_entry, err);
}
