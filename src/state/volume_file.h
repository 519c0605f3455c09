// SPDX-License-Identifier: MIT
/*
 * The file of a disk that outlives sandboxes, and who may use it: one that writes, or any number
 * that read.  The lock is a flock on the very descriptor that is handed out, so it is held until
 * the last copy of that descriptor is closed, be it a VMM's, and however its holder ends.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct state;

/* Opens the regular file `path` and locks it.  ERR_NOT_FOUND; ERR_INVALID for anything but a
 * regular file; ERR_CONFLICT names the sandbox and the process that have it (as `state` knows
 * them).  Who is about to end is waited for, some seconds. */
int volume_file_open(struct state *state, const char *path, bool read_only, int *ret_fd,
		     struct err *err);
