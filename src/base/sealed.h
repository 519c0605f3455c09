// SPDX-License-Identifier: MIT
/*
 * Bytes for another process of ours, in memory that nobody can change any more (a sealed memfd):
 * for what does not fit into one message of a socket, or must not be seen in an argument list.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* A descriptor of a copy of `bytes`, the caller's; `name` is shown in /proc. */
int sealed_new(const char *name, struct view bytes, int *ret_fd, struct err *err);

/* Appends what is in `fd` to `buf`; ERR_LIMIT when it does not fit.  Never waits, whatever `fd` is:
 * what is no sealed memory is ERR_PROTOCOL. */
int sealed_read(int fd, struct buf *buf, const char *what, struct err *err);
