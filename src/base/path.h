// SPDX-License-Identifier: MIT
/* Paths on the host: joining, making, removing, and where the user's files live. */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/* "DIR/NAME", malloc'ed. */
char *path_join(const char *dir, const char *name);

/* Makes `path` and its missing parents with `mode` (parents too). */
int path_mkdirs(const char *path, mode_t mode, struct err *err);

/* Removes `path` and everything below it, following no symbolic link and crossing no mount.
 * A path that does not exist is success. */
int path_remove_tree(const char *path, struct err *err);

/* The state directory: $MATCHLOCK_HOME, else $HOME/.matchlock.  ERR_INVALID without HOME. */
int path_state_home(char **ret_path, struct err *err);

/* The cache directory: $MATCHLOCK_CACHE, else $XDG_CACHE_HOME/matchlock when that is absolute,
 * else $HOME/.cache/matchlock. */
int path_cache_home(char **ret_path, struct err *err);

/* The running program, symbolic links resolved. */
int path_program(char **ret_path, struct err *err);

/* A read-only artefact by its name ("kernel", "initramfs", "base.erofs" ...): the directory
 * lib/matchlock beside the running program's bin/, else the one beside the program itself, else
 * PREFIX/lib/matchlock.  ERR_NOT_FOUND names the places that were tried. */
int path_artefact(const char *name, char **ret_path, struct err *err);

/* The same for a program of ours that is no command ("image-worker"): libexec/matchlock. */
int path_helper(const char *name, char **ret_path, struct err *err);
