// SPDX-License-Identifier: MIT
/* Kernel modules: loading one, and the answer to the kernel's own request for one. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* Loads the module file at `path`.  One that is loaded already is success. */
int module_load(const char *path, struct err *err);

/* True if the module name or alias pattern (shell wildcards; `-` and `_` are the same outside
 * brackets) matches `name`. */
bool module_matches(const char *pattern, const char *name);

/* Calls `found` for each module that the text of a modules.alias gives for `name`, in order. */
void module_aliases(struct view alias_text, const char *name,
		    void (*found)(void *ctx, const char *module), void *ctx);

/* The line of a modules.dep for the module called `name` (not a path): "PATH: PATH PATH", or an
 * empty view. */
struct view module_dep_line(struct view dep_text, const char *name);

/* The role `modprobe`: loads what `name` (a module or an alias) stands for with all that it needs,
 * from the modules of the running kernel.  ERR_NOT_FOUND if there is no such thing. */
int module_request(const char *name, struct err *err);
