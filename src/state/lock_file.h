// SPDX-License-Identifier: MIT
/*
 * A lock between processes: flock on a file that is left behind.  The kernel drops it when the
 * holder ends, however it ends.
 */
#pragma once

#include "base/err.h"

/* Takes the exclusive lock of the file at `path` (made with mode 0600) and hands out the descriptor
 * that holds it: closing it is the unlock.  ERR_TIMEOUT when another process holds it for longer
 * than `timeout_ms`. */
int lock_file_acquire(const char *path, unsigned timeout_ms, int *ret_fd, struct err *err);
