// SPDX-License-Identifier: MIT
/*
 * See layer_stack.h.  The place is the list of directories from the root on; each is those of the
 * layers that are seen at its path, from the top down: to the first that is opaque, or that
 * something else than a directory lies below.
 *
 * Failure modes: those of image/erofs_reader.h, with the layer's number.
 */
#include "image/layer_stack.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "image/erofs_copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct layer_stack {
	int fds[LIMIT_IMAGE_LAYERS];
	struct erofs_reader *readers[LIMIT_IMAGE_LAYERS];
	size_t count;

	struct layer_found *dirs; /* of all directories on the way, one after the other */
	size_t dir_count, dir_max;
	size_t *starts; /* in `dirs`, of each directory on the way; NULL: not begun */
	size_t depth, depth_max;
};

struct layer_stack *layer_stack_new(void)
{
	return xcalloc(1, sizeof(struct layer_stack));
}

void layer_stack_free(struct layer_stack *stack)
{
	if (!stack)
		return;
	for (size_t i = 0; i < stack->count; i++) {
		erofs_reader_free(stack->readers[i]);
		close(stack->fds[i]);
	}
	free(stack->dirs);
	free(stack->starts);
	free(stack);
}

int layer_stack_add(struct layer_stack *stack, int fd, struct err *err)
{
	AUTO_FD int owned = fd;

	if (stack->count == LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_LIMIT, "more than %d layers", LIMIT_IMAGE_LAYERS);
	if (erofs_reader_open(fd, &stack->readers[stack->count], err) < 0)
		return err_wrap(err, "layer %zu", stack->count + 1);
	stack->fds[stack->count++] = STEAL_FD(owned);
	return 0;
}

struct erofs_reader *layer_stack_reader(struct layer_stack *stack, size_t layer)
{
	assert(layer < stack->count);
	return stack->readers[layer];
}

/* --- the place --- */

static void put_dir(struct layer_stack *stack, const struct layer_found *dir)
{
	if (stack->dir_count == stack->dir_max) {
		stack->dir_max = MAX(stack->dir_max * 2, (size_t)LIMIT_IMAGE_LAYERS);
		stack->dirs = xreallocarray(stack->dirs, stack->dir_max, sizeof(*dir));
	}
	stack->dirs[stack->dir_count++] = *dir;
}

/* The directory at `depth` is that of `dirs` from `start` on. */
static void put_start(struct layer_stack *stack, size_t depth, size_t start)
{
	if (depth >= stack->depth_max) {
		stack->depth_max = MAX(stack->depth_max * 2, (size_t)64);
		stack->starts = xreallocarray(stack->starts, stack->depth_max, sizeof(size_t));
	}
	stack->starts[depth] = start;
	stack->depth = depth;
}

enum sight {
	SIGHT_FAILED = -1,
	SIGHT_NOTHING, /* it is hidden */
	SIGHT_LEAF,
	SIGHT_OPAQUE, /* a directory below which nothing is seen */
	SIGHT_DIR,
};

static enum sight see(struct layer_stack *stack, const struct layer_found *found, struct err *err)
{
	struct erofs_entry entry;

	if (erofs_reader_entry(stack->readers[found->layer], found->nid, &entry, err) < 0) {
		err_wrap_(err, "layer %zu", found->layer + 1);
		return SIGHT_FAILED;
	}
	if (erofs_is_whiteout(&entry))
		return SIGHT_NOTHING;
	if (!S_ISDIR(entry.mode))
		return SIGHT_LEAF;
	return erofs_is_opaque(&entry) ? SIGHT_OPAQUE : SIGHT_DIR;
}

/* The roots of all layers, if nothing was looked at yet. */
static int begin(struct layer_stack *stack, struct err *err)
{
	enum sight sight = SIGHT_DIR;

	if (stack->starts)
		return 0;
	put_start(stack, 0, 0);
	for (size_t i = stack->count; i > 0 && sight == SIGHT_DIR; i--) {
		struct layer_found root = {.layer = i - 1};

		if (erofs_reader_lookup(stack->readers[i - 1], "", &root.nid, err) < 0)
			return err_wrap(err, "layer %zu", i);
		sight = see(stack, &root, err);
		if (sight == SIGHT_FAILED)
			return -1;
		put_dir(stack, &root);
	}
	return 0;
}

/* Looks into the directories of the place, from the top down, and puts those that the name stands
 * for behind them: 1 with the uppermost thing of the name, 0, -1. */
static int look(struct layer_stack *stack, struct view name, struct layer_found *ret_found,
		struct err *err)
{
	size_t end = stack->dir_count;
	enum sight sight = SIGHT_DIR;
	bool any = false;

	for (size_t i = stack->starts[stack->depth]; i < end && sight == SIGHT_DIR; i++) {
		struct layer_found found = {.layer = stack->dirs[i].layer};
		int is_there = erofs_reader_find(stack->readers[found.layer], stack->dirs[i].nid,
						 name, &found.nid, err);

		if (is_there < 0)
			return err_wrap(err, "layer %zu", found.layer + 1);
		if (is_there == 0)
			continue;
		sight = see(stack, &found, err);
		if (sight == SIGHT_FAILED)
			return -1;
		if (sight == SIGHT_NOTHING)
			break;
		if (!any)
			*ret_found = found;
		if (sight != SIGHT_LEAF)
			put_dir(stack, &found);
		any = true;
	}
	return any;
}

void layer_stack_leave(struct layer_stack *stack, size_t depth)
{
	if (!stack->starts || depth >= stack->depth)
		return;
	stack->dir_count = stack->starts[depth + 1];
	stack->depth = depth;
}

int layer_stack_look(struct layer_stack *stack, struct view name, struct layer_found *ret_found,
		     struct err *err)
{
	size_t end;
	int result;

	if (begin(stack, err) < 0)
		return -1;
	end = stack->dir_count;
	result = look(stack, name, ret_found, err);
	stack->dir_count = end;
	return result;
}

int layer_stack_enter(struct layer_stack *stack, struct view name, struct layer_found *ret_found,
		      struct err *err)
{
	size_t end;
	int result;

	if (begin(stack, err) < 0)
		return -1;
	end = stack->dir_count;
	result = look(stack, name, ret_found, err);
	put_start(stack, stack->depth + 1, end);
	return result;
}

int layer_stack_find(struct layer_stack *stack, const char *path, struct layer_found *ret_found,
		     struct err *err)
{
	struct view name = {path, strcspn(path, "/")};

	layer_stack_leave(stack, 0);
	while (name.ptr[name.len]) {
		if (layer_stack_enter(stack, name, ret_found, err) < 0)
			return -1;
		name.ptr += name.len + 1;
		name.len = strcspn(name.ptr, "/");
	}
	return layer_stack_look(stack, name, ret_found, err);
}
