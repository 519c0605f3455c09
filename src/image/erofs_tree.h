// SPDX-License-Identifier: MIT
/*
 * The tree of an image while it is being written: names, what they stand for, and all of the
 * directories, which are written last.  What is known of anything else is where its inode lies.
 */
#pragma once

#include "base/err.h"
#include "image/erofs_arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct erofs_attr {
	uint32_t mode, uid, gid;
	uint32_t mtime_nsec;
	int64_t mtime;
};

/* An inode that is no directory; several nodes share it when it has hard links. */
struct erofs_inode {
	uint32_t slot;	/* where it lies: image/erofs_meta.h */
	uint16_t nlink; /* LIMIT_EROFS_LINKS */
	uint8_t type;	/* enum erofs_type */
	bool extended : 1;
	bool whiteout : 1;
};

struct erofs_dir {
	struct erofs_dir *next;	     /* in the order in which they were made */
	struct erofs_node *node;     /* the name of it */
	struct erofs_node *children; /* also those that are gone */
	bool alive;		     /* false once something else took its place */
	bool opaque;		     /* hides what the layers below have */
	bool implied;		     /* no entry has described it; the layers below may */
	struct erofs_attr attr;
	const void *xattrs; /* encoded, in the arena */
	size_t xattr_len;

	/* set while the image is finished: image/erofs_dir.c */
	uint32_t slot, nlink;
	uint32_t first_block; /* its full blocks, counted from the first of all directories */
	uint32_t full_blocks; /* blocks that are not inline */
	uint32_t tail_size;   /* bytes of the last block if that is inline, else 0 */
	uint64_t size;
	struct erofs_node *tail; /* the first entry of the inline part */
};

/* A name in a directory: a directory, something else, or (neither alive nor inode) nothing. */
struct erofs_node {
	struct erofs_node *parent; /* of the root: itself */
	struct erofs_node *sibling;
	struct erofs_node *next; /* in the hash table */
	struct erofs_inode *inode;
	struct erofs_dir *dir;
	uint32_t hash;
	uint8_t name_len;
	char name[];
};

struct erofs_tree {
	struct erofs_arena arena;
	struct erofs_node *root;
	struct erofs_dir *dirs, **dirs_end;
	struct erofs_node **table;
	size_t table_size; /* a power of two */
	size_t node_count;
	size_t inode_count;   /* that are reachable */
	size_t implied_count; /* directories, without the root */
	uint64_t seed;
	struct erofs_attr implied; /* of directories that no entry has described */
};

void erofs_tree_init(struct erofs_tree *tree, int64_t build_time);
void erofs_tree_done(struct erofs_tree *tree);

static inline bool erofs_node_is_dir(const struct erofs_node *node)
{
	return node->dir && node->dir->alive;
}

/* The node of `path` with all directories above it, made where they are missing; the node itself
 * may still stand for nothing. */
int erofs_tree_make(struct erofs_tree *tree, const char *path, struct erofs_node **ret_node,
		    struct err *err);

/* What `path` stands for; ERR_NOT_FOUND if that is nothing. */
int erofs_tree_find(struct erofs_tree *tree, const char *path, struct erofs_node **ret_node,
		    struct err *err);

/* Makes the node a directory, or leaves it one; ERR_LIMIT if memory is over. */
int erofs_tree_set_dir(struct erofs_tree *tree, struct erofs_node *node, struct err *err);

/* The same on behalf of something below it: what stands for another thing than a whiteout is not
 * replaced but ERR_INVALID. */
int erofs_tree_enter(struct erofs_tree *tree, struct erofs_node *node, struct err *err);

/* The directory is no longer one that is only implied. */
void erofs_tree_set_described(struct erofs_tree *tree, struct erofs_dir *dir);

/* The directory behind `node` in a walk from the root, each before those in it, without what lies
 * below an opaque one; NULL at the end.  *depth is that of the node, of the root 0. */
struct erofs_node *erofs_tree_next_dir(const struct erofs_tree *tree, struct erofs_node *node,
				       size_t *depth);

/* Makes the node stand for the inode, which gains a link.  What it stood for goes away, with
 * everything below it. */
int erofs_tree_set_inode(struct erofs_tree *tree, struct erofs_node *node,
			 struct erofs_inode *inode, struct err *err);

/* A node that is in no table: for `.` and `..`. */
struct erofs_node *erofs_tree_alias(struct erofs_tree *tree, const char *name,
				    struct erofs_dir *dir, struct err *err);
