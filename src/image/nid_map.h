// SPDX-License-Identifier: MIT
/* A table from the inode numbers of one EROFS image to texts, in bounded memory. */
#pragma once

#include "image/erofs_arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nid_map {
	struct erofs_arena arena; /* the texts; LIMIT_EROFS_TREE */
	struct nid_slot *slots;
	size_t count, size;
	uint64_t multiplier;
};

void nid_map_done(struct nid_map *map);

/* True if the number is there; *ret_text is what it was given, which may be NULL. */
bool nid_map_find(const struct nid_map *map, uint64_t nid, const char **ret_text);

/* Adds the number or replaces what it stands for by a copy of `text` (or NULL).  ERR_LIMIT. */
int nid_map_set(struct nid_map *map, uint64_t nid, const char *text, struct err *err);
