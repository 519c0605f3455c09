// SPDX-License-Identifier: MIT
/*
 * The directories, which can be written only when everything else has its place.  First each gets
 * its entries sorted and its room (plan), so that all nids are known; then the inodes with the
 * inline parts are filled in, pool by pool; then the whole blocks follow.  Works from lists, not by
 * recursion, so that no depth of the tree is too much.
 */
#include "base/alloc.h"
#include "image/erofs_internal.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	struct erofs_writer *writer;
	struct erofs_node **sorted; /* scratch */
	size_t sorted_max;
	uint32_t base;	      /* the first block of the pool that is open */
	uint32_t first_pool;  /* the one that was open when the plan began */
	uint32_t block_count; /* whole blocks of all directories so far */
};

static size_t entry_size(const struct erofs_node *node)
{
	return sizeof(struct erofs_dirent) + node->name_len;
}

static int by_name(const void *a, const void *b)
{
	const struct erofs_node *x = *(const struct erofs_node *const *)a;
	const struct erofs_node *y = *(const struct erofs_node *const *)b;
	int order = memcmp(x->name, y->name, MIN(x->name_len, y->name_len));

	return order ? order : x->name_len - y->name_len;
}

static int collect(struct plan *plan, size_t at, struct erofs_node *node, struct err *err)
{
	if (at >= plan->sorted_max) {
		size_t more = MAX(plan->sorted_max, (size_t)256);

		/* qsort() takes as much again. */
		if (erofs_arena_count(&plan->writer->tree.arena, 2 * more * sizeof(node), err) < 0)
			return -1;
		plan->sorted_max += more;
		plan->sorted =
			xreallocarray(plan->sorted, plan->sorted_max, sizeof(struct erofs_node *));
	}
	plan->sorted[at] = node;
	return 0;
}

/* Replaces the list of children by that of the entries: sorted, without what is gone, with `.` and
 * `..`. */
static int sort_entries(struct plan *plan, struct erofs_dir *dir, struct err *err)
{
	struct erofs_tree *tree = &plan->writer->tree;
	struct erofs_node *self = erofs_tree_alias(tree, ".", dir, err);
	struct erofs_node *up = erofs_tree_alias(tree, "..", dir->node->parent->dir, err);
	struct erofs_node **end = &dir->children;
	size_t count = 0;

	if (!self || !up || collect(plan, count++, self, err) < 0 ||
	    collect(plan, count++, up, err) < 0)
		return -1;
	dir->nlink = 2;
	for (struct erofs_node *node = dir->children; node; node = node->sibling) {
		if (erofs_node_is_dir(node))
			dir->nlink++;
		else if (!node->inode)
			continue;
		if (collect(plan, count++, node, err) < 0)
			return -1;
	}
	qsort(plan->sorted, count, sizeof(struct erofs_node *), by_name);
	for (size_t i = 0; i < count; i++) {
		*end = plan->sorted[i];
		end = &plan->sorted[i]->sibling;
	}
	*end = NULL;
	return 0;
}

static int add_opaque(struct plan *plan, struct erofs_dir *dir, struct err *err)
{
	const struct erofs_xattr opaque = {"trusted.overlay.opaque", "y", 1};
	struct buf *bytes = &plan->writer->entry_xattrs;
	char *copy;

	buf_clear(bytes);
	if (erofs_xattrs_append((struct view){dir->xattrs, dir->xattr_len}, &opaque, bytes, err) <
	    0)
		return -1;
	copy = erofs_arena_alloc(&plan->writer->tree.arena, bytes->len, err);
	if (!copy)
		return -1;
	memcpy(copy, bytes->ptr, bytes->len);
	dir->xattrs = copy;
	dir->xattr_len = bytes->len;
	return 0;
}

static struct erofs_raw raw_of(const struct erofs_dir *dir)
{
	return (struct erofs_raw){
		.attr = &dir->attr,
		.size = dir->size,
		.nlink = dir->nlink,
		.layout = dir->tail ? EROFS_FLAT_INLINE : EROFS_FLAT_PLAIN,
		.xattrs = {dir->xattrs, dir->xattr_len},
	};
}

/* Cuts the entries into blocks and decides whether the last of them lies behind the inode. */
static void cut_blocks(struct plan *plan, struct erofs_dir *dir)
{
	bool is_root = dir->node == plan->writer->tree.root;
	size_t room = is_root ? sizeof(struct erofs_root) : EROFS_BLOCK, used = 0;
	struct erofs_raw raw;

	dir->tail = dir->children;
	for (struct erofs_node *node = dir->children; node; node = node->sibling) {
		if (used + entry_size(node) > EROFS_BLOCK) {
			dir->full_blocks++;
			dir->tail = node;
			used = 0;
		}
		used += entry_size(node);
	}
	dir->size = (uint64_t)dir->full_blocks * EROFS_BLOCK + used;
	dir->tail_size = (uint32_t)used;
	raw = raw_of(dir);
	if (erofs_raw_size(&raw, plan->writer->params.build_time) + used > room) {
		dir->full_blocks++;
		dir->tail = NULL;
		dir->tail_size = 0;
	}
	dir->first_block = plan->block_count;
	plan->block_count += dir->full_blocks;
}

static void plan_close(struct plan *plan)
{
	uint32_t next = plan->base + plan->writer->meta.block_count;

	erofs_meta_close(&plan->writer->meta, plan->base);
	plan->base = next;
}

static int plan_dir(struct plan *plan, struct erofs_dir *dir, struct err *err)
{
	struct erofs_writer *writer = plan->writer;
	struct erofs_raw raw;
	size_t size;

	if (sort_entries(plan, dir, err) < 0)
		return -1;
	if (dir->opaque && add_opaque(plan, dir, err) < 0)
		return -1;
	cut_blocks(plan, dir);
	raw = raw_of(dir);
	size = erofs_raw_size(&raw, writer->params.build_time) + dir->tail_size;
	if (dir->node == writer->tree.root && size > sizeof(struct erofs_root))
		return err_set(err, ERR_LIMIT,
			       "the root's extended attributes take more than %zu bytes",
			       sizeof(struct erofs_root));
	while (dir->node != writer->tree.root && !erofs_meta_place(&writer->meta, size, &dir->slot))
		plan_close(plan);
	return 0;
}

static uint64_t nid_of(const struct erofs_writer *writer, const struct erofs_node *node)
{
	if (!erofs_node_is_dir(node))
		return erofs_meta_nid(&writer->meta, node->inode->slot);
	if (node->dir->node == writer->tree.root)
		return EROFS_ROOT_OFFSET / EROFS_SLOT;
	return erofs_meta_nid(&writer->meta, node->dir->slot);
}

/* One block of entries, from `node` on, as many as fit.  Returns the first that does not. */
static const struct erofs_node *fill_block(const struct erofs_writer *writer,
					   const struct erofs_node *node, char block[EROFS_BLOCK])
{
	const struct erofs_node *end = node;
	size_t count = 0, used = 0, name_at;

	for (; end && used + entry_size(end) <= EROFS_BLOCK; end = end->sibling) {
		used += entry_size(end);
		count++;
	}
	name_at = count * sizeof(struct erofs_dirent);
	for (size_t i = 0; i < count; i++, node = node->sibling) {
		struct erofs_dirent entry = {
			.nid = htole64(nid_of(writer, node)),
			.name_offset = htole16((uint16_t)name_at),
			.type = erofs_node_is_dir(node) ? EROFS_TYPE_DIR : node->inode->type,
		};

		memcpy(block + i * sizeof(entry), &entry, sizeof(entry));
		memcpy(block + name_at, node->name, node->name_len);
		name_at += node->name_len;
	}
	memset(block + name_at, 0, EROFS_BLOCK - name_at);
	return end;
}

static void encode_dir(const struct plan *plan, const struct erofs_dir *dir, char *ret_bytes)
{
	struct erofs_writer *writer = plan->writer;
	struct erofs_raw raw = raw_of(dir);
	char block[EROFS_BLOCK];

	raw.ino = writer->next_ino++;
	raw.place = dir->full_blocks > 0 ? plan->base + dir->first_block : 0;
	if (dir->tail) {
		fill_block(writer, dir->tail, block);
		raw.tail = (struct view){block, dir->tail_size};
	}
	erofs_raw_encode(&raw, writer->params.build_time, ret_bytes);
}

/* The pool number `pool` is complete: it goes out and the next one begins. */
static int put_pool(const struct plan *plan, uint32_t pool, struct err *err)
{
	struct erofs_meta *meta = &plan->writer->meta;
	uint32_t end = pool + 1 < meta->pool_number ? meta->bases[pool + 1] : plan->base;
	size_t size = (size_t)(end - meta->bases[pool]) * EROFS_BLOCK;

	assert(erofs_out_block(&plan->writer->out) == meta->bases[pool]);
	if (erofs_out_put(&plan->writer->out, meta->pool, size, err) < 0)
		return -1;
	memset(meta->pool, 0, size);
	return 0;
}

static int write_inodes(const struct plan *plan, struct erofs_root *ret_root, struct err *err)
{
	struct erofs_writer *writer = plan->writer;
	uint32_t pool = plan->first_pool;

	for (const struct erofs_dir *dir = writer->tree.dirs; dir; dir = dir->next) {
		if (!dir->alive)
			continue;
		if (dir->node == writer->tree.root) {
			encode_dir(plan, dir, ret_root->inode);
			continue;
		}
		for (; pool < dir->slot / EROFS_POOL_SLOTS; pool++) {
			if (put_pool(plan, pool, err) < 0)
				return -1;
		}
		encode_dir(plan, dir, erofs_meta_at(&writer->meta, dir->slot));
	}
	return put_pool(plan, pool, err);
}

static int write_blocks(const struct plan *plan, struct err *err)
{
	struct erofs_writer *writer = plan->writer;
	char block[EROFS_BLOCK];

	for (const struct erofs_dir *dir = writer->tree.dirs; dir; dir = dir->next) {
		const struct erofs_node *node = dir->alive ? dir->children : NULL;

		while (node != dir->tail && node) {
			node = fill_block(writer, node, block);
			if (erofs_out_put(&writer->out, block, sizeof(block), err) < 0)
				return -1;
		}
	}
	return 0;
}

int erofs_write_dirs(struct erofs_writer *writer, struct erofs_root *ret_root, struct err *err)
{
	struct plan plan = {.writer = writer,
			    .base = erofs_out_block(&writer->out),
			    .first_pool = writer->meta.pool_number};
	int result = 0;

	for (struct erofs_dir *dir = writer->tree.dirs; dir && result == 0; dir = dir->next)
		result = dir->alive ? plan_dir(&plan, dir, err) : 0;
	plan_close(&plan);
	free(plan.sorted);
	if (result < 0 || write_inodes(&plan, ret_root, err) < 0)
		return -1;
	return write_blocks(&plan, err);
}
