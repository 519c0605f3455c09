// SPDX-License-Identifier: MIT
/* A set of paths, as erofs_add() takes them, in bounded memory. */
#pragma once

#include "base/err.h"
#include "image/erofs_tree.h"

#include <stdbool.h>

struct path_set {
	struct erofs_tree tree; /* a path that belongs to the set is an opaque directory of it */
};

void path_set_init(struct path_set *set);
void path_set_done(struct path_set *set);

/* ERR_LIMIT: LIMIT_EROFS_*; ERR_INVALID: no path. */
int path_set_add(struct path_set *set, const char *path, struct err *err);
bool path_set_has(struct path_set *set, const char *path);
