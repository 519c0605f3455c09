// SPDX-License-Identifier: MIT
/*
 * The locks of the store: see store.h.
 *
 * flock() waits without a deadline, so a lock that is taken is asked for again every few
 * milliseconds; a holder that is stopped is what the deadline is for.  The kernel drops the locks
 * of a process however it ends.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/path.h"
#include "image/store_gc.h"
#include "image/store_internal.h"
#include "state/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

enum { RETRY_NS = 2 * 1000 * 1000 };

int store_flock(int fd, int operation, unsigned timeout_ms, const char *what, struct err *err)
{
	uint64_t deadline = 0;

	while (flock(fd, operation | LOCK_NB) < 0) {
		uint64_t now = clock_monotonic_ms();

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock '%s'", what);
		deadline = deadline ? deadline : now + timeout_ms;
		if (now >= deadline)
			return err_set(err, ERR_TIMEOUT,
				       "'%s' is locked by another process for more than %u s: end "
				       "that process ('fuser' names it) and try again",
				       what, (timeout_ms + 999) / 1000);
		nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
	}
	return 0;
}

int store_lock(const struct store *store, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(store->dir, ".lock");

	return lock_file_acquire(path, DB_BUSY_MS, ret_fd, err);
}

int store_open_pulling(const struct store *store, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(store->dir, ".pulling");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	*ret_fd = fd;
	return 0;
}

int store_begin_pull(struct store *store, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(store->dir, ".pulling");
	AUTO_FD int fd = -1;

	if (store_open_pulling(store, &fd, err) < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && store_remove_stale(store, err) < 0)
		return -1;
	if (store_flock(fd, LOCK_SH, DB_BUSY_MS, path, err) < 0)
		return -1;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

bool store_blob_in_use(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}
