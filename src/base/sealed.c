// SPDX-License-Identifier: MIT
/*
 * Sealed memory: see sealed.h.  The reader looks at the seals first: a file, or memory that its
 * sender can still change or cut short, is refused.
 */
#include "base/sealed.h"

#include "base/auto.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

int sealed_new(const char *name, struct view bytes, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(err, errno, "memfd_create");
	if (fd_write_all(fd, bytes.ptr, bytes.len, name, err) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_sys(err, errno, "seal '%s'", name);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int sealed_read(int fd, struct buf *buf, const char *what, struct err *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	size_t size, done = 0;
	char *room;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return err_set(err, ERR_PROTOCOL, "%s: not in sealed memory", what);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", what);
	size = (size_t)st.st_size;
	room = buf_reserve(buf, size);
	if (!room)
		return buf_check(buf, what, err);
	while (done < size) {
		ssize_t got = pread(fd, room + done, size - done, (off_t)done);

		if (got <= 0)
			return err_sys(err, got < 0 ? errno : EIO, "read %s", what);
		done += (size_t)got;
	}
	buf_added(buf, size);
	return 0;
}
