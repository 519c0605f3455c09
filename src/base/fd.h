// SPDX-License-Identifier: MIT
/* File descriptors: whole reads and writes, whole files, sparse copies. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all of it, resuming after EINTR and short writes (blocking descriptors only). */
int fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct err *err);

/* Reads exactly `len` bytes; an earlier end is ERR_IO "WHAT: ends early". */
int fd_read_exact(int fd, void *bytes, size_t len, const char *what, struct err *err);

/* Appends everything up to end of file to `buf`; ERR_LIMIT once the buf is full. */
int fd_read_to_end(int fd, struct buf *buf, const char *what, struct err *err);

/* The whole file at `path` (relative to `dirfd`, AT_FDCWD allowed) into `buf`. */
int fd_read_file(int dirfd, const char *path, struct buf *buf, struct err *err);

/* Replaces the file at `path` as a whole: temporary name beside it, then rename. */
int fd_write_file(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		  struct err *err);

int fd_set_nonblock(int fd, bool on, struct err *err);
int fd_set_cloexec(int fd, bool on, struct err *err);

/* Makes the empty file `dst` a copy of `src`: by sharing its blocks where the file system can, else
 * extent by extent, so that holes stay holes. */
int fd_copy_sparse(int src, int dst, const char *what, struct err *err);

/* A socket pair (SOCK_STREAM, close-on-exec). */
int fd_socketpair(int ret_pair[2], struct err *err);

/* Sends `len` bytes with up to 8 descriptors over a Unix socket; a descriptor stays the caller's.
 */
int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t fd_count,
	    struct err *err);

/* Receives up to `size` bytes with up to `fd_max` descriptors (close-on-exec, the caller's).
 * Returns the bytes received, 0 at end of stream, -1 with err.  Descriptors over `fd_max` are
 * closed and make it ERR_PROTOCOL. */
ssize_t fd_recv(int sock, void *bytes, size_t size, int *ret_fds, size_t fd_max,
		size_t *ret_fd_count, struct err *err);
