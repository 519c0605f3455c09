// SPDX-License-Identifier: MIT
/*
 * What the layers below a layer show together, as overlayfs stacks them.  A place in their tree is
 * moved from name to name, so that a walk costs what its own steps do, whatever the depth.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/erofs_reader.h"

#include <stddef.h>
#include <stdint.h>

struct layer_stack;

/* Something that a layer shows. */
struct layer_found {
	size_t layer; /* 0 is the base */
	uint64_t nid;
};

/* An empty stack. */
struct layer_stack *layer_stack_new(void);
void layer_stack_free(struct layer_stack *stack);
DEFINE_AUTO(layer_stack)

/* Puts a layer on top, before the first walk.  Takes `fd` over, also when it fails. */
int layer_stack_add(struct layer_stack *stack, int fd, struct err *err);
struct erofs_reader *layer_stack_reader(struct layer_stack *stack, size_t layer);

/* Moves up to the directory of depth `depth` (0: the root) on the way to the present one. */
void layer_stack_leave(struct layer_stack *stack, size_t depth);
/* What the present directory shows as `name`: 1, 0 if nothing, -1. */
int layer_stack_look(struct layer_stack *stack, struct view name, struct layer_found *ret_found,
		     struct err *err);
/* The same, and moves into it; what is no directory, or not there, is as an empty one. */
int layer_stack_enter(struct layer_stack *stack, struct view name, struct layer_found *ret_found,
		      struct err *err);
/* What is at the path, from the root on; no symbolic link is followed. */
int layer_stack_find(struct layer_stack *stack, const char *path, struct layer_found *ret_found,
		     struct err *err);
