// SPDX-License-Identifier: MIT
/* Helpers for file descriptors: see fd.h.  Nothing here keeps state. */
#include "base/fd.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_SEND_MAX = 8 };

int fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct err *err)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t done = write(fd, at, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "write %s", what);
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

int fd_read_exact(int fd, void *bytes, size_t len, const char *what, struct err *err)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t got = read(fd, at, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read %s", what);
		if (got == 0)
			return err_set(err, ERR_IO, "read %s: ends early", what);
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

int fd_read_to_end(int fd, struct buf *buf, const char *what, struct err *err)
{
	char chunk[16384];

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read %s", what);
		if (got == 0)
			return 0;
		buf_put(buf, chunk, (size_t)got);
		if (buf_check(buf, what, err) < 0)
			return -1;
	}
}

int fd_read_file(int dirfd, const char *path, struct buf *buf, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	return fd_read_to_end(fd, buf, path, err);
}

int fd_write_file(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		  struct err *err)
{
	AUTO_FREE char *tmp = xasprintf("%s.%ld.tmp", path, (long)getpid());
	AUTO_FD int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", tmp);
	if (fd_write_all(fd, bytes, len, path, err) < 0) {
		unlinkat(dirfd, tmp, 0);
		return -1;
	}
	if (renameat(dirfd, tmp, dirfd, path) < 0) {
		int errnum = errno;

		unlinkat(dirfd, tmp, 0);
		return err_sys(err, errnum, "rename '%s'", path);
	}
	return 0;
}

int fd_set_nonblock(int fd, bool on, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return err_sys(err, errno, "set O_NONBLOCK");
	return 0;
}

int fd_set_cloexec(int fd, bool on, struct err *err)
{
	if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
		return err_sys(err, errno, "set FD_CLOEXEC");
	return 0;
}

/* One extent.  copy_file_range lets file systems share blocks; it does not cross file systems or
 * old kernels, where read and write do the same. */
static int copy_extent(int src, int dst, off_t at, off_t end, const char *what, struct err *err)
{
	char chunk[65536];
	off_t in = at, out = at;

	while (in < end) {
		ssize_t done = copy_file_range(src, &in, dst, &out, (size_t)(end - in), 0);

		if (done > 0)
			continue;
		if (done == 0)
			return 0;
		if (errno != EXDEV && errno != ENOSYS && errno != EOPNOTSUPP && errno != EINVAL)
			return err_sys(err, errno, "copy %s", what);
		break;
	}
	while (in < end) {
		ssize_t got = pread(src, chunk, MIN(sizeof(chunk), (size_t)(end - in)), in);

		if (got < 0)
			return err_sys(err, errno, "read %s", what);
		if (got == 0)
			return 0;
		/* A short write is read again from where it ended, and then says why. */
		got = pwrite(dst, chunk, (size_t)got, in);
		if (got < 0)
			return err_sys(err, errno, "write copy of %s", what);
		in += got;
	}
	return 0;
}

int fd_copy_sparse(int src, int dst, const char *what, struct err *err)
{
	struct stat st;
	off_t data = 0;

	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (fstat(src, &st) < 0)
		return err_sys(err, errno, "stat %s", what);
	if (ftruncate(dst, st.st_size) < 0)
		return err_sys(err, errno, "size copy of %s", what);
	while (data < st.st_size) {
		off_t hole;

		data = lseek(src, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			return err_sys(err, errno, "seek %s", what);
		hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0)
			return err_sys(err, errno, "seek %s", what);
		if (copy_extent(src, dst, data, hole, what, err) < 0)
			return -1;
		data = hole;
	}
	return 0;
}

int fd_socketpair(int ret_pair[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_pair) < 0)
		return err_sys(err, errno, "socketpair");
	return 0;
}

int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t fd_count,
	    struct err *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FD_SEND_MAX)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)bytes, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (fd_count > FD_SEND_MAX)
		return err_set(err, ERR_INTERNAL, "send: %zu descriptors", fd_count);
	if (fd_count > 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(err, errno, "send");
	return fd_write_all(sock, (const char *)bytes + sent, len - (size_t)sent, "socket", err);
}

ssize_t fd_recv(int sock, void *bytes, size_t size, int *ret_fds, size_t fd_max,
		size_t *ret_fd_count, struct err *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FD_SEND_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {bytes, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	size_t count = 0, extra = 0;
	ssize_t got;

	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, errno, "receive");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < fd_max)
				ret_fds[count++] = fd;
			else {
				close(fd);
				extra++;
			}
		}
	}
	*ret_fd_count = count;
	if (extra || (msg.msg_flags & MSG_CTRUNC)) {
		while (count > 0)
			close(ret_fds[--count]);
		*ret_fd_count = 0;
		return err_set(err, ERR_PROTOCOL, "receive: too many descriptors");
	}
	return got;
}
