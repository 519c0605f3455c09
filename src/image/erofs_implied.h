// SPDX-License-Identifier: MIT
/*
 * Directories of an image in the making that no entry has described: "a" where there is only
 * "a/b".  In a stack of layers such a one is what the layers below say it is.
 *
 *	struct erofs_dirs dirs = erofs_dirs_of(writer);
 *	while (erofs_dirs_next(&dirs))
 *		if (erofs_dirs_implied(&dirs))
 *			erofs_dirs_describe(&dirs, &entry, &err);
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "image/erofs.h"

#include <stdbool.h>
#include <stddef.h>

/* A walk over all directories but the root and those within opaque ones, which the layers below
 * have no say in.  No entry is added while it lasts. */
struct erofs_dirs {
	struct erofs_writer *writer;
	struct erofs_node *node;
	size_t depth;	  /* 1: in the root */
	struct view name; /* its last component */
};

/* True if there is a directory that is only implied; the root does not count. */
bool erofs_has_implied(const struct erofs_writer *writer);

struct erofs_dirs erofs_dirs_of(struct erofs_writer *writer);
/* Goes on to the next one, a directory before those in it; false at the end. */
bool erofs_dirs_next(struct erofs_dirs *dirs);
bool erofs_dirs_implied(const struct erofs_dirs *dirs);
/* Gives it the mode, owner, time and attributes of `entry`; the path is not looked at. */
int erofs_dirs_describe(struct erofs_dirs *dirs, const struct erofs_entry *entry, struct err *err);
