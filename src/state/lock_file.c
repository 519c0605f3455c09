// SPDX-License-Identifier: MIT
/*
 * A lock between processes: see lock_file.h.
 *
 * flock has no deadline of its own and a signal's would be the whole process's, so a lock that is
 * taken is asked for again every few milliseconds.  A holder that is stopped (SIGSTOP, a debugger)
 * is what the deadline is for.
 */
#include "state/lock_file.h"

#include "base/auto.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

enum { RETRY_NS = 5 * 1000 * 1000 };

int lock_file_acquire(const char *path, unsigned timeout_ms, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock '%s'", path);
		if (clock_monotonic_ms() >= deadline)
			return err_set(err, ERR_TIMEOUT,
				       "'%s' is locked by another process for more than %u s: end "
				       "that process ('fuser' names it) and try again",
				       path, (timeout_ms + 999) / 1000);
		nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
	}
	*ret_fd = STEAL_FD(fd);
	return 0;
}
