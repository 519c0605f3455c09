// SPDX-License-Identifier: MIT
/*
 * The caller's own standard descriptors, used without blocking and without a trace.
 *
 * O_NONBLOCK belongs to the open file that we share with the shell and its other children, so it is
 * never set on it: a pipe or a terminal is opened once more through /proc/self/fd, a socket is used
 * with MSG_DONTWAIT, a regular file never blocks for long.  What cannot be opened again (a pipe of
 * another user) is polled and written in pieces that a pipe takes whole.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum stdio_kind {
	STDIO_FILE,	/* regular file, /dev/null ...: cannot be polled, does not block */
	STDIO_REOPENED, /* pipe or terminal, our own open file, O_NONBLOCK */
	STDIO_SOCKET,
	STDIO_SHARED, /* polled; at most PIPE_BUF bytes a write */
};

struct stdio {
	enum stdio_kind kind;
	int fd;	    /* to poll, read and write */
	bool owned; /* fd is ours to close */
};

/* `fd` is borrowed.  `writable` tells which way it will be used. */
void stdio_init(struct stdio *io, int fd, bool writable);
void stdio_done(struct stdio *io);

/* As read(2) and write(2): -1 with errno, EAGAIN: poll first. */
ssize_t stdio_read(const struct stdio *io, void *bytes, size_t len);
ssize_t stdio_write(const struct stdio *io, const void *bytes, size_t len);
