// SPDX-License-Identifier: MIT
/*
 * See erofs_tree.h.  Names are found by one hash table over (directory, name), keyed by a random
 * number since the names may come from a hostile image; the order of the table never shows in the
 * output.  A node is never taken out again: one that was replaced stands for nothing until an
 * entry of its name comes back.
 */
#include "image/erofs_tree.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/random.h"
#include "image/erofs_format.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TABLE_START = 1024 };

/* Multiply and fold, as fast hashes do: 8 bytes a step. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ UINT64_C(0x9E3779B97F4A7C15)) *
				    (b ^ UINT64_C(0xD6E8FEB86659FD93));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_name(const struct erofs_tree *tree, const struct erofs_node *parent,
			  struct view name)
{
	uint64_t hash = mix(tree->seed, (uint64_t)(uintptr_t)parent);

	while (name.len > 0) {
		size_t part = MIN(name.len, sizeof(uint64_t));
		uint64_t word = 0;

		memcpy(&word, name.ptr, part);
		hash = mix(hash ^ word, tree->seed + part);
		name.ptr += part;
		name.len -= part;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static struct erofs_node *lookup(const struct erofs_tree *tree, const struct erofs_node *parent,
				 struct view name, uint32_t hash)
{
	struct erofs_node *node = tree->table[hash & (tree->table_size - 1)];

	while (node && !(node->hash == hash && node->parent == parent &&
			 node->name_len == name.len && memcmp(node->name, name.ptr, name.len) == 0))
		node = node->next;
	return node;
}

static int table_grow(struct erofs_tree *tree, struct err *err)
{
	size_t size = tree->table_size * 2;
	struct erofs_node **table;

	if (erofs_arena_count(&tree->arena, (size - tree->table_size) * sizeof(*table), err) < 0)
		return -1;
	table = xcalloc(size, sizeof(*table));
	for (size_t i = 0; i < tree->table_size; i++) {
		struct erofs_node *next;

		for (struct erofs_node *node = tree->table[i]; node; node = next) {
			struct erofs_node **slot = &table[node->hash & (size - 1)];

			next = node->next;
			node->next = *slot;
			*slot = node;
		}
	}
	free(tree->table);
	tree->table = table;
	tree->table_size = size;
	return 0;
}

static struct erofs_node *node_new(struct erofs_tree *tree, struct view name, struct err *err)
{
	struct erofs_node *node =
		erofs_arena_alloc(&tree->arena, offsetof(struct erofs_node, name) + name.len, err);

	if (!node)
		return NULL;
	node->name_len = (uint8_t)name.len;
	memcpy(node->name, name.ptr, name.len);
	return node;
}

static struct erofs_node *node_add(struct erofs_tree *tree, struct erofs_node *parent,
				   struct view name, uint32_t hash, struct err *err)
{
	struct erofs_node *node, **slot;

	if (tree->node_count >= LIMIT_EROFS_ENTRIES) {
		err_set_(err, ERR_LIMIT, "the tree has more than %d entries", LIMIT_EROFS_ENTRIES);
		return NULL;
	}
	if (tree->node_count >= tree->table_size && table_grow(tree, err) < 0)
		return NULL;
	node = node_new(tree, name, err);
	if (!node)
		return NULL;
	tree->node_count++;
	slot = &tree->table[hash & (tree->table_size - 1)];
	node->hash = hash;
	node->next = *slot;
	*slot = node;
	node->parent = parent;
	node->sibling = parent->dir->children;
	parent->dir->children = node;
	return node;
}

static void inode_unref(struct erofs_tree *tree, struct erofs_inode *inode)
{
	if (--inode->nlink == 0)
		tree->inode_count--;
}

void erofs_tree_set_described(struct erofs_tree *tree, struct erofs_dir *dir)
{
	tree->implied_count -= dir->implied;
	dir->implied = false;
}

static void dir_gone(struct erofs_tree *tree, struct erofs_dir *dir)
{
	erofs_tree_set_described(tree, dir);
	dir->alive = false;
	tree->inode_count--;
}

/* Everything below the directory goes away; walks without recursion, for paths are deep. */
static void drop_below(struct erofs_tree *tree, struct erofs_node *top)
{
	struct erofs_node *node = top;

	for (;;) {
		struct erofs_node *child = erofs_node_is_dir(node) ? node->dir->children : NULL;

		if (child) {
			node = child;
			continue;
		}
		while (node != top) {
			if (node->inode)
				inode_unref(tree, node->inode);
			node->inode = NULL;
			if (erofs_node_is_dir(node))
				dir_gone(tree, node->dir);
			if (node->sibling)
				break;
			node = node->parent;
		}
		if (node == top)
			return;
		node = node->sibling;
	}
}

static void node_clear(struct erofs_tree *tree, struct erofs_node *node)
{
	if (erofs_node_is_dir(node)) {
		drop_below(tree, node);
		dir_gone(tree, node->dir);
	}
	if (node->inode)
		inode_unref(tree, node->inode);
	node->inode = NULL;
}

int erofs_tree_set_dir(struct erofs_tree *tree, struct erofs_node *node, struct err *err)
{
	bool opaque = node->inode && node->inode->whiteout;
	struct erofs_dir *dir = node->dir;

	if (erofs_node_is_dir(node))
		return 0;
	if (!dir) {
		dir = erofs_arena_alloc(&tree->arena, sizeof(*dir), err);
		if (!dir)
			return -1;
		dir->node = node;
		node->dir = dir;
		*tree->dirs_end = dir;
		tree->dirs_end = &dir->next;
	}
	node_clear(tree, node);
	dir->alive = true;
	dir->opaque = opaque;
	/* One that takes the place of what a whiteout hides is new. */
	dir->implied = !opaque && node != tree->root;
	tree->implied_count += dir->implied;
	dir->attr = tree->implied;
	dir->xattrs = NULL;
	dir->xattr_len = 0;
	tree->inode_count++;
	return 0;
}

int erofs_tree_set_inode(struct erofs_tree *tree, struct erofs_node *node,
			 struct erofs_inode *inode, struct err *err)
{
	if (node == tree->root)
		return err_set(err, ERR_INVALID, "the root must be a directory");
	if (inode->nlink >= LIMIT_EROFS_LINKS)
		return err_set(err, ERR_LIMIT, "more than %d hard links", LIMIT_EROFS_LINKS);
	if (inode->nlink++ == 0)
		tree->inode_count++;
	node_clear(tree, node);
	node->inode = inode;
	return 0;
}

static struct erofs_node *first_dir(struct erofs_node *node)
{
	while (node && !erofs_node_is_dir(node))
		node = node->sibling;
	return node;
}

struct erofs_node *erofs_tree_next_dir(const struct erofs_tree *tree, struct erofs_node *node,
				       size_t *depth)
{
	struct erofs_node *next = node->dir->opaque ? NULL : first_dir(node->dir->children);

	*depth += next != NULL;
	while (!next && node != tree->root) {
		next = first_dir(node->sibling);
		node = node->parent;
		*depth -= !next;
	}
	return next;
}

/* The next component of the path: 1, or 0 at its end. */
static int path_next(const char **path, struct view *ret_name, struct err *err)
{
	const char *name = *path;
	size_t len = strcspn(name, "/");

	if (*name == '\0')
		return 0;
	if (len == 0)
		return err_set(err, ERR_INVALID, "the path has an empty component");
	if (len > EROFS_NAME_MAX)
		return err_set(err, ERR_LIMIT, "a name is longer than %d bytes", EROFS_NAME_MAX);
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return err_set(err, ERR_INVALID, "the path has a component '%.*s'", (int)len, name);
	*path = name + len + (name[len] == '/');
	*ret_name = (struct view){name, len};
	return 1;
}

/* Archives write "./usr/bin/" and "./". */
static int path_start(const char **path, struct err *err)
{
	if (**path == '\0')
		return err_set(err, ERR_INVALID, "the path is empty");
	if (**path == '/')
		return err_set(err, ERR_INVALID, "the path is absolute");
	if (strlen(*path) > LIMIT_EROFS_PATH)
		return err_set(err, ERR_LIMIT, "the path is longer than %d bytes",
			       LIMIT_EROFS_PATH);
	while ((*path)[0] == '.' && (*path)[1] == '/')
		*path += 2;
	if (strcmp(*path, ".") == 0)
		*path += 1;
	return 0;
}

int erofs_tree_enter(struct erofs_tree *tree, struct erofs_node *node, struct err *err)
{
	if (node->inode && !node->inode->whiteout)
		return err_set(err, ERR_INVALID, "'%.*s' on its path is not a directory",
			       node->name_len, node->name);
	return erofs_tree_set_dir(tree, node, err);
}

int erofs_tree_make(struct erofs_tree *tree, const char *path, struct erofs_node **ret_node,
		    struct err *err)
{
	struct erofs_node *node = tree->root;
	struct view name;
	int more;

	if (path_start(&path, err) < 0)
		return -1;
	while ((more = path_next(&path, &name, err)) > 0) {
		struct erofs_node *parent = node;
		uint32_t hash;

		if (erofs_tree_enter(tree, parent, err) < 0)
			return -1;
		hash = hash_name(tree, parent, name);
		node = lookup(tree, parent, name, hash);
		if (!node)
			node = node_add(tree, parent, name, hash, err);
		if (!node)
			return -1;
	}
	*ret_node = node;
	return more;
}

int erofs_tree_find(struct erofs_tree *tree, const char *path, struct erofs_node **ret_node,
		    struct err *err)
{
	struct erofs_node *node = tree->root;
	struct view name;
	int more;

	if (path_start(&path, err) < 0)
		return -1;
	while ((more = path_next(&path, &name, err)) > 0 && node)
		node = lookup(tree, node, name, hash_name(tree, node, name));
	if (more < 0)
		return -1;
	if (!node || (!node->inode && !erofs_node_is_dir(node)))
		return err_set(err, ERR_NOT_FOUND, "it is not in this tree");
	*ret_node = node;
	return 0;
}

struct erofs_node *erofs_tree_alias(struct erofs_tree *tree, const char *name,
				    struct erofs_dir *dir, struct err *err)
{
	struct erofs_node *node = node_new(tree, view_of(name), err);

	if (node)
		node->dir = dir;
	return node;
}

void erofs_tree_init(struct erofs_tree *tree, int64_t build_time)
{
	struct err err;
	int made;

	*tree = (struct erofs_tree){.table_size = TABLE_START};
	tree->dirs_end = &tree->dirs;
	tree->table = xcalloc(tree->table_size, sizeof(*tree->table));
	tree->implied = (struct erofs_attr){.mode = S_IFDIR | 0755, .mtime = build_time};
	random_bytes(&tree->seed, sizeof(tree->seed));
	tree->root = node_new(tree, view_of(""), &err);
	assert(tree->root); /* nothing has taken of the memory yet */
	tree->root->parent = tree->root;
	made = erofs_tree_set_dir(tree, tree->root, &err);
	assert(made == 0);
}

void erofs_tree_done(struct erofs_tree *tree)
{
	erofs_arena_done(&tree->arena);
	free(tree->table);
}
