// SPDX-License-Identifier: MIT
/* Standard descriptors by kind: see stdio.h. */
#include "sandbox/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int reopen(int fd, bool writable)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, (writable ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void stdio_init(struct stdio *io, int fd, bool writable)
{
	struct stat st;

	*io = (struct stdio){STDIO_FILE, fd, false};
	if (fstat(fd, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		io->kind = STDIO_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || isatty(fd)) {
		int own = reopen(fd, writable);

		io->kind = own >= 0 ? STDIO_REOPENED : STDIO_SHARED;
		io->fd = own >= 0 ? own : fd;
		io->owned = own >= 0;
	}
}

void stdio_done(struct stdio *io)
{
	if (io->owned)
		close(io->fd);
	io->owned = false;
}

static bool ready(int fd, short events)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	return poll(&poll_fd, 1, 0) > 0;
}

ssize_t stdio_read(const struct stdio *io, void *bytes, size_t len)
{
	if (io->kind == STDIO_SOCKET)
		return recv(io->fd, bytes, len, MSG_DONTWAIT);
	if (io->kind == STDIO_SHARED && !ready(io->fd, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	return read(io->fd, bytes, len);
}

ssize_t stdio_write(const struct stdio *io, const void *bytes, size_t len)
{
	if (io->kind == STDIO_SOCKET)
		return send(io->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (io->kind == STDIO_SHARED) {
		if (!ready(io->fd, POLLOUT)) {
			errno = EAGAIN;
			return -1;
		}
		if (len > PIPE_BUF)
			len = PIPE_BUF;
	}
	return write(io->fd, bytes, len);
}
