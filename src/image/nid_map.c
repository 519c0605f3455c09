// SPDX-License-Identifier: MIT
/*
 * See nid_map.h.  Open addressing, at most half full; the multiplier is random, since the numbers
 * may come from a hostile image.
 */
#include "image/nid_map.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum { START = 256 };

struct nid_slot {
	uint64_t nid;
	const char *text;
	bool used;
};

void nid_map_done(struct nid_map *map)
{
	erofs_arena_done(&map->arena);
	free(map->slots);
	*map = (struct nid_map){0};
}

/* The slot of the number, or the free one where it would go. */
static struct nid_slot *probe(const struct nid_map *map, uint64_t nid)
{
	uint64_t at = nid * map->multiplier >> 32;

	for (;; at++) {
		struct nid_slot *slot = &map->slots[at & (map->size - 1)];

		if (!slot->used || slot->nid == nid)
			return slot;
	}
}

bool nid_map_find(const struct nid_map *map, uint64_t nid, const char **ret_text)
{
	const struct nid_slot *slot = map->size > 0 ? probe(map, nid) : NULL;

	if (!slot || !slot->used)
		return false;
	*ret_text = slot->text;
	return true;
}

static void grow(struct nid_map *map)
{
	struct nid_map old = *map;

	if (old.size == 0)
		random_bytes(&map->multiplier, sizeof(map->multiplier));
	map->multiplier |= 1;
	map->size = MAX(old.size * 2, (size_t)START);
	map->slots = xcalloc(map->size, sizeof(*map->slots));
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].used)
			*probe(map, old.slots[i].nid) = old.slots[i];
	}
	free(old.slots);
}

int nid_map_set(struct nid_map *map, uint64_t nid, const char *text, struct err *err)
{
	struct nid_slot *slot;
	char *copy = NULL;

	if (map->count >= LIMIT_EROFS_ENTRIES)
		return err_set(err, ERR_LIMIT, "more than %d inodes", LIMIT_EROFS_ENTRIES);
	if (text) {
		copy = erofs_arena_alloc(&map->arena, strlen(text) + 1, err);
		if (!copy)
			return -1;
		memcpy(copy, text, strlen(text) + 1);
	}
	if (map->count * 2 >= map->size)
		grow(map);
	slot = probe(map, nid);
	if (!slot->used)
		map->count++;
	*slot = (struct nid_slot){.nid = nid, .text = copy, .used = true};
	return 0;
}
