// SPDX-License-Identifier: MIT
/*
 * What a layer takes from the layers below it: the files that its hard links lead to, where these
 * lie in a lower layer, and the mode, owner, times and attributes of directories that it only
 * implies (`a/b` without an entry `a`).  Overlayfs would show neither by itself.
 */
#pragma once

#include "base/err.h"
#include "image/erofs.h"
#include "image/layer_stack.h"

#include <stddef.h>

/* A hard link whose target was not in the layer when it came; without a leading `/`. */
struct layer_link {
	const char *path, *link;
};

/* Adds all of it to an image that is complete but for that.
 *
 * Each link becomes a copy of what it leads to; links to one lower file are hard links of each
 * other.  What the layer itself has at a link's path wins.  ERR_NOT_FOUND names a link that leads
 * nowhere, ERR_INVALID one that leads to a directory. */
int layer_below_add(struct layer_stack *stack, const struct layer_link *links, size_t count,
		    struct erofs_writer *writer, struct err *err);
