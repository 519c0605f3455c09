// SPDX-License-Identifier: MIT
/* Memory of a tree that grows and is freed as a whole, up to LIMIT_EROFS_TREE. */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct erofs_arena_chunk;

struct erofs_arena {
	struct erofs_arena_chunk *chunks;
	char *at, *end; /* what is free of the newest chunk */
	size_t total;
};

/* Zeroed and aligned for pointers; NULL with ERR_LIMIT over the limit. */
void *erofs_arena_alloc(struct erofs_arena *arena, size_t size, struct err *err);
void erofs_arena_done(struct erofs_arena *arena);
