// SPDX-License-Identifier: MIT
/*
 * See erofs_arena.h.  A tree is made of hundreds of thousands of small things that live equally
 * long: taken from chunks of 64 KiB they cost no header each.
 */
#include "image/erofs_arena.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/limits.h"

#include <stdlib.h>

enum { CHUNK_SIZE = 64 * 1024, ALIGNMENT = sizeof(void *) };

struct erofs_arena_chunk {
	struct erofs_arena_chunk *next;
	char bytes[];
};

int erofs_arena_count(struct erofs_arena *arena, size_t size, struct err *err)
{
	if (size > LIMIT_EROFS_TREE - arena->total)
		return err_set(err, ERR_LIMIT, "the tree takes more than %d MiB of memory",
			       LIMIT_EROFS_TREE >> 20);
	if (arena->allow && arena->allow(arena->ctx, size, err) < 0)
		return -1;
	arena->total += size;
	return 0;
}

void *erofs_arena_alloc(struct erofs_arena *arena, size_t size, struct err *err)
{
	void *taken;

	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > (size_t)(arena->end - arena->at)) {
		size_t room = MAX(size, (size_t)CHUNK_SIZE);
		struct erofs_arena_chunk *chunk;

		if (erofs_arena_count(arena, room, err) < 0)
			return NULL;
		chunk = xcalloc(1, sizeof(*chunk) + room);
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->at = chunk->bytes;
		arena->end = chunk->bytes + room;
	}
	taken = arena->at;
	arena->at += size;
	return taken;
}

void erofs_arena_done(struct erofs_arena *arena)
{
	while (arena->chunks) {
		struct erofs_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	*arena = (struct erofs_arena){0};
}
