// SPDX-License-Identifier: MIT
/*
 * Memory of a tree that grows and is freed as a whole, up to LIMIT_EROFS_TREE, and up to what the
 * owner allows.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct erofs_arena_chunk;

struct erofs_arena {
	struct erofs_arena_chunk *chunks;
	char *at, *end; /* what is free of the newest chunk */
	size_t total;

	/* Asked before more memory is taken; -1 with err refuses.  NULL: nobody is asked. */
	int (*allow)(void *ctx, size_t size, struct err *err);
	void *ctx;
};

/* Zeroed and aligned for pointers; NULL with ERR_LIMIT over the limit. */
void *erofs_arena_alloc(struct erofs_arena *arena, size_t size, struct err *err);
/* Counts memory that belongs to the tree but lies elsewhere.  ERR_LIMIT. */
int erofs_arena_count(struct erofs_arena *arena, size_t size, struct err *err);
void erofs_arena_done(struct erofs_arena *arena);
