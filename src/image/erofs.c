// SPDX-License-Identifier: MIT
/*
 * The EROFS writer: see erofs.h for how it is used.
 *
 * An image from its start: block 0 with superblock and root inode; then, as the entries come, the
 * blocks of files, and between them every now and then the inodes of up to 1 MiB (erofs_meta.h);
 * then the directories (erofs_dir.c) and the attributes that inodes share (erofs_xattr.h).  At the
 * very end the number of links is put right where it grew after an inode was written, and block 0
 * makes it a file system.
 *
 * A replaced file leaves its blocks in the image unused.  All errors name the entry.
 */
#include "image/erofs.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs_internal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct erofs_writer *erofs_writer_new(int fd, const struct erofs_params *params)
{
	struct erofs_writer *writer = xcalloc(1, sizeof(*writer));

	writer->params = *params;
	writer->entry_xattrs = (struct buf)BUF_INIT(LIMIT_EROFS_XATTR_BYTES);
	writer->file.chunks = xcalloc(EROFS_CHUNKS_MAX, sizeof(*writer->file.chunks));
	writer->next_ino = 1;
	erofs_out_init(&writer->out, fd);
	erofs_tree_init(&writer->tree, params->build_time);
	writer->tree.arena.allow = params->allow;
	writer->tree.arena.ctx = params->ctx;
	erofs_meta_init(&writer->meta);
	erofs_xattrs_init(&writer->xattrs);
	return writer;
}

void erofs_writer_free(struct erofs_writer *writer)
{
	if (!writer)
		return;
	erofs_xattrs_done(&writer->xattrs);
	erofs_meta_done(&writer->meta);
	erofs_tree_done(&writer->tree);
	erofs_out_done(&writer->out);
	buf_done(&writer->entry_xattrs);
	free(writer->file.name);
	free(writer->file.chunks);
	free(writer->linked);
	free(writer);
}

bool erofs_fits_inline(const struct erofs_writer *writer, const struct erofs_raw *raw, size_t size)
{
	return erofs_raw_size(raw, writer->params.build_time) + size <= EROFS_BLOCK;
}

static int put_pool(struct erofs_writer *writer, struct err *err)
{
	size_t size = (size_t)writer->meta.block_count * EROFS_BLOCK;

	erofs_meta_close(&writer->meta, erofs_out_block(&writer->out));
	if (erofs_out_put(&writer->out, writer->meta.pool, size, err) < 0)
		return -1;
	memset(writer->meta.pool, 0, size);
	return 0;
}

int erofs_put_inode(struct erofs_writer *writer, struct erofs_node *node, struct erofs_raw *raw,
		    enum erofs_type type, struct err *err)
{
	size_t size = erofs_raw_size(raw, writer->params.build_time) + raw->tail.len;
	struct erofs_inode *inode = erofs_arena_alloc(&writer->tree.arena, sizeof(*inode), err);

	if (!inode)
		return -1;
	while (!erofs_meta_place(&writer->meta, size, &inode->slot)) {
		if (put_pool(writer, err) < 0)
			return -1;
	}
	inode->type = (uint8_t)type;
	inode->extended = !erofs_raw_is_compact(raw, writer->params.build_time);
	raw->ino = writer->next_ino++;
	erofs_raw_encode(raw, writer->params.build_time, erofs_meta_at(&writer->meta, inode->slot));
	return erofs_tree_set_inode(&writer->tree, node, inode, err);
}

static struct erofs_attr attr_of(const struct erofs_entry *entry)
{
	return (struct erofs_attr){.mode = entry->mode & (S_IFMT | 07777),
				   .uid = entry->uid,
				   .gid = entry->gid,
				   .mtime = entry->mtime,
				   .mtime_nsec = entry->mtime_nsec};
}

static int encode_xattrs(struct erofs_writer *writer, const struct erofs_entry *entry,
			 struct err *err)
{
	buf_clear(&writer->entry_xattrs);
	return erofs_xattrs_encode(&writer->xattrs, entry->xattrs, entry->xattr_count,
				   &writer->entry_xattrs, err);
}

int erofs_put_dir(struct erofs_writer *writer, struct erofs_node *node,
		  const struct erofs_entry *entry, struct err *err)
{
	const struct buf *xattrs = &writer->entry_xattrs;
	char *copy = NULL;

	if (encode_xattrs(writer, entry, err) < 0 ||
	    erofs_tree_set_dir(&writer->tree, node, err) < 0)
		return -1;
	if (xattrs->len > 0) {
		copy = erofs_arena_alloc(&writer->tree.arena, xattrs->len, err);
		if (!copy)
			return -1;
		memcpy(copy, xattrs->ptr, xattrs->len);
	}
	erofs_tree_set_described(&writer->tree, node->dir);
	node->dir->attr = attr_of(entry);
	node->dir->xattrs = copy;
	node->dir->xattr_len = xattrs->len;
	return 0;
}

static int add_symlink(struct erofs_writer *writer, struct erofs_node *node, struct erofs_raw *raw,
		       const char *target, struct err *err)
{
	size_t len = target ? strlen(target) : 0;

	if (len == 0)
		return err_set(err, ERR_INVALID, "a symbolic link without a target");
	if (len >= LIMIT_EROFS_PATH)
		return err_set(err, ERR_LIMIT, "the target has more than %d bytes",
			       LIMIT_EROFS_PATH - 1);
	raw->size = len;
	if (erofs_fits_inline(writer, raw, len)) {
		raw->layout = EROFS_FLAT_INLINE;
		raw->tail = (struct view){target, len};
	} else {
		raw->place = erofs_out_block(&writer->out);
		if (erofs_out_put(&writer->out, target, len, err) < 0 ||
		    erofs_out_align(&writer->out, err) < 0)
			return -1;
	}
	return erofs_put_inode(writer, node, raw, EROFS_TYPE_LNK, err);
}

/* The kernel's encoding of a device number in 32 bits. */
static int encode_device(dev_t rdev, uint32_t *ret_code, struct err *err)
{
	unsigned int major_no = major(rdev), minor_no = minor(rdev);

	if (major_no >= 1u << 12 || minor_no >= 1u << 20)
		return err_set(err, ERR_INVALID, "the device number %u:%u does not exist", major_no,
			       minor_no);
	*ret_code = (minor_no & 0xff) | major_no << 8 | (minor_no & ~0xffu) << 12;
	return 0;
}

static int add_special(struct erofs_writer *writer, struct erofs_node *node, struct erofs_raw *raw,
		       const struct erofs_entry *entry, struct err *err)
{
	switch (entry->mode & S_IFMT) {
	case S_IFLNK:
		return add_symlink(writer, node, raw, entry->target, err);
	case S_IFCHR:
		if (encode_device(entry->rdev, &raw->place, err) < 0)
			return -1;
		return erofs_put_inode(writer, node, raw, EROFS_TYPE_CHR, err);
	case S_IFBLK:
		if (encode_device(entry->rdev, &raw->place, err) < 0)
			return -1;
		return erofs_put_inode(writer, node, raw, EROFS_TYPE_BLK, err);
	case S_IFIFO:
		return erofs_put_inode(writer, node, raw, EROFS_TYPE_FIFO, err);
	case S_IFSOCK:
		return erofs_put_inode(writer, node, raw, EROFS_TYPE_SOCK, err);
	default:
		return err_set(err, ERR_INVALID, "mode 0%o names no type of file", entry->mode);
	}
}

static int add_link(struct erofs_writer *writer, const struct erofs_entry *entry, struct err *err)
{
	struct erofs_node *target, *node;
	struct erofs_inode *inode;

	if (erofs_tree_find(&writer->tree, entry->link, &target, err) < 0)
		return err_wrap(err, "the target of the hard link");
	if (erofs_node_is_dir(target))
		return err_set(err, ERR_INVALID, "a hard link to a directory");
	inode = target->inode;
	if (erofs_tree_make(&writer->tree, entry->path, &node, err) < 0 ||
	    erofs_tree_set_inode(&writer->tree, node, inode, err) < 0)
		return -1;
	if (inode->nlink == 2) {
		if (erofs_arena_count(&writer->tree.arena, sizeof(*writer->linked), err) < 0)
			return -1;
		writer->linked = xreallocarray(writer->linked, writer->linked_count + 1,
					       sizeof(*writer->linked));
		writer->linked[writer->linked_count++] = inode;
	}
	return 0;
}

static int add(struct erofs_writer *writer, const struct erofs_entry *entry, struct err *err)
{
	struct erofs_attr attr = attr_of(entry);
	struct erofs_raw raw = {.attr = &attr, .nlink = 1};
	struct erofs_node *node;

	if (entry->link)
		return add_link(writer, entry, err);
	if (entry->mtime_nsec >= 1000000000)
		return err_set(err, ERR_INVALID, "a time with %u nanoseconds", entry->mtime_nsec);
	if (erofs_tree_make(&writer->tree, entry->path, &node, err) < 0)
		return -1;
	if (node == writer->tree.root && !S_ISDIR(entry->mode))
		return err_set(err, ERR_INVALID, "the root must be a directory");
	if (S_ISDIR(entry->mode))
		return erofs_put_dir(writer, node, entry, err);
	if (encode_xattrs(writer, entry, err) < 0)
		return -1;
	if (S_ISREG(entry->mode))
		return erofs_file_begin(writer, node, &attr, entry, err);
	raw.xattrs = (struct view){writer->entry_xattrs.ptr, writer->entry_xattrs.len};
	return add_special(writer, node, &raw, entry, err);
}

static int check_file_complete(const struct erofs_writer *writer, struct err *err)
{
	const struct erofs_file *file = &writer->file;

	if (!file->name)
		return 0;
	return err_set(err, ERR_INVALID, "entry %s: its data ends after %llu of %llu bytes",
		       file->name, (unsigned long long)file->seen, (unsigned long long)file->size);
}

static int wrap_entry(const char *path, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(path);

	return err_wrap(err, "entry %s", quoted);
}

int erofs_add(struct erofs_writer *writer, const struct erofs_entry *entry, struct err *err)
{
	if (check_file_complete(writer, err) < 0)
		return -1;
	return add(writer, entry, err) < 0 ? wrap_entry(entry->path, err) : 0;
}

static int add_whiteout(struct erofs_writer *writer, const char *path, struct err *err)
{
	struct erofs_attr attr = {.mode = S_IFCHR, .mtime = writer->params.build_time};
	struct erofs_raw raw = {.attr = &attr, .nlink = 1};
	struct erofs_node *node;

	if (erofs_tree_make(&writer->tree, path, &node, err) < 0)
		return -1;
	if (erofs_node_is_dir(node)) {
		erofs_tree_set_described(&writer->tree, node->dir);
		node->dir->opaque = true;
		return 0;
	}
	if (node->inode)
		return 0;
	if (erofs_put_inode(writer, node, &raw, EROFS_TYPE_CHR, err) < 0)
		return -1;
	node->inode->whiteout = true;
	return 0;
}

mode_t erofs_type_at(struct erofs_writer *writer, const char *path)
{
	static const mode_t modes[] = {
		[EROFS_TYPE_REG] = S_IFREG,  [EROFS_TYPE_DIR] = S_IFDIR,
		[EROFS_TYPE_CHR] = S_IFCHR,  [EROFS_TYPE_BLK] = S_IFBLK,
		[EROFS_TYPE_FIFO] = S_IFIFO, [EROFS_TYPE_SOCK] = S_IFSOCK,
		[EROFS_TYPE_LNK] = S_IFLNK,
	};
	struct erofs_node *node;
	struct err err;

	if (erofs_tree_find(&writer->tree, path, &node, &err) < 0)
		return 0;
	return erofs_node_is_dir(node) ? S_IFDIR : modes[node->inode->type];
}

int erofs_add_whiteout(struct erofs_writer *writer, const char *path, struct err *err)
{
	if (check_file_complete(writer, err) < 0)
		return -1;
	return add_whiteout(writer, path, err) < 0 ? wrap_entry(path, err) : 0;
}

int erofs_set_opaque(struct erofs_writer *writer, const char *path, struct err *err)
{
	struct erofs_node *node;

	if (check_file_complete(writer, err) < 0)
		return -1;
	if (erofs_tree_make(&writer->tree, path, &node, err) < 0 ||
	    erofs_tree_enter(&writer->tree, node, err) < 0)
		return wrap_entry(path, err);
	node->dir->opaque = true;
	return 0;
}

/* Inodes were written with one link each. */
static int patch_links(struct erofs_writer *writer, struct err *err)
{
	for (size_t i = 0; i < writer->linked_count; i++) {
		const struct erofs_inode *inode = writer->linked[i];
		uint64_t at = erofs_meta_nid(&writer->meta, inode->slot) * EROFS_SLOT;
		uint16_t nlink16 = htole16((uint16_t)inode->nlink);
		uint32_t nlink32 = htole32(inode->nlink);
		int result;

		if (inode->extended)
			result = erofs_out_patch(&writer->out,
						 at + offsetof(struct erofs_extended, nlink),
						 &nlink32, sizeof(nlink32), err);
		else
			result = erofs_out_patch(&writer->out,
						 at + offsetof(struct erofs_compact, nlink),
						 &nlink16, sizeof(nlink16), err);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int write_super(struct erofs_writer *writer, const struct erofs_root *root,
		       uint32_t xattr_block, struct err *err)
{
	struct erofs_super super = {
		.magic = htole32(EROFS_MAGIC),
		.feature_compat = htole32(EROFS_COMPAT_SB_CHKSUM | EROFS_COMPAT_MTIME),
		.block_bits = EROFS_BLOCK_BITS,
		.root_nid = htole16(EROFS_ROOT_OFFSET / EROFS_SLOT),
		.inode_count = htole64(writer->tree.inode_count),
		.build_time = htole64((uint64_t)writer->params.build_time),
		.block_count = htole32(erofs_out_block(&writer->out)),
		.xattr_blkaddr = htole32(xattr_block),
		.feature_incompat = htole32(writer->chunked ? EROFS_INCOMPAT_CHUNKED_FILE : 0),
	};
	char block[EROFS_BLOCK] = {0}, *start = block + EROFS_SUPER_OFFSET;

	memcpy(start, &super, sizeof(super));
	memcpy(block + EROFS_ROOT_OFFSET, root, sizeof(*root));
	super.checksum = htole32(erofs_checksum(start));
	memcpy(start, &super, sizeof(super));
	return erofs_out_patch(&writer->out, 0, block, sizeof(block), err);
}

int erofs_finish(struct erofs_writer *writer, struct err *err)
{
	const struct buf *shared = &writer->xattrs.shared;
	struct erofs_root root = {0};
	uint32_t xattr_block;

	if (check_file_complete(writer, err) < 0 || erofs_write_dirs(writer, &root, err) < 0)
		return -1;
	xattr_block = erofs_out_block(&writer->out);
	if (buf_check(shared, "the area of shared attributes", err) < 0 ||
	    erofs_out_put(&writer->out, shared->ptr, shared->len, err) < 0 ||
	    erofs_out_align(&writer->out, err) < 0 || erofs_out_flush(&writer->out, err) < 0)
		return -1;
	if (patch_links(writer, err) < 0)
		return -1;
	return write_super(writer, &root, xattr_block, err);
}
