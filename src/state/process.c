// SPDX-License-Identifier: MIT
/*
 * Processes of other commands: see process.h.
 *
 * /proc/PID/stat tells when a process began, in ticks since the machine was started; two processes
 * with one pid differ in it.  A pidfd that is opened first and compared afterwards belongs to the
 * process that was compared: as long as that lives nobody else can get its pid.
 */
#include "state/process.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

enum { STAT_SIZE = 4096, STAT_STATE = 3, STAT_UTIME = 14, STAT_STIME = 15, STAT_STARTTIME = 22 };

/* The `field`-th field of a line of /proc/PID/stat.  The second is the name of the program in
 * parentheses, which may hold anything: counting starts behind its last parenthesis. */
static const char *stat_field(const char *line, int field)
{
	const char *at = strrchr(line, ')');

	for (int i = 2; at && i < field; i++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	return at;
}

static uint64_t stat_number(const char *line, int field)
{
	const char *at = stat_field(line, field);

	return at ? strtoull(at, NULL, 10) : 0;
}

void process_parse_stat(const char *line, struct process_stat *ret_stat)
{
	const char *state = stat_field(line, STAT_STATE);

	*ret_stat = (struct process_stat){0};
	/* A zombie has ended; it is only that its parent has not asked yet. */
	if (!state || strchr("ZXx", *state))
		return;
	ret_stat->start = stat_number(line, STAT_STARTTIME);
	ret_stat->cpu = stat_number(line, STAT_UTIME) + stat_number(line, STAT_STIME);
}

static uint64_t stat_start_time(const char *line)
{
	struct process_stat stat;

	process_parse_stat(line, &stat);
	return stat.start;
}

static int read_stat(pid_t pid, struct buf *line)
{
	AUTO_FREE char *path = xasprintf("/proc/%ld/stat", (long)pid);
	struct err err;

	return pid > 0 ? fd_read_file(AT_FDCWD, path, line, &err) : -1;
}

uint64_t process_start_time(pid_t pid)
{
	AUTO_BUF struct buf line = BUF_INIT(STAT_SIZE);

	return read_stat(pid, &line) < 0 ? 0 : stat_start_time(line.ptr);
}

/* Seconds since 1970 of the tick `start`, by the clock as it is now. */
static int64_t wall_time(uint64_t start)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return now.tv_sec - (up.tv_sec - (int64_t)(start / (uint64_t)sysconf(_SC_CLK_TCK)));
}

uint64_t process_start_time_before(pid_t pid, const char *time)
{
	AUTO_BUF struct buf line = BUF_INIT(STAT_SIZE);
	struct tm broken = {0};
	uint64_t start;

	if (read_stat(pid, &line) < 0 || !strstr(line.ptr, "(matchlock)") ||
	    !strptime(time, "%Y-%m-%dT%H:%M:%S", &broken))
		return 0;
	start = stat_start_time(line.ptr);
	/* Both times were cut to whole seconds. */
	return wall_time(start) <= timegm(&broken) + 1 ? start : 0;
}

bool process_alive(pid_t pid, uint64_t start)
{
	return start != 0 && process_start_time(pid) == start;
}

int process_open(pid_t pid, uint64_t start, int *ret_pidfd, struct err *err)
{
	AUTO_FD int fd = pid > 0 ? pidfd_open(pid, 0) : -1;

	if (fd < 0 && pid > 0 && errno != ESRCH)
		return err_sys(err, errno, "open process %ld", (long)pid);
	if (fd < 0 || !process_alive(pid, start))
		return err_set(err, ERR_NOT_FOUND, "process %ld has ended", (long)pid);
	*ret_pidfd = STEAL_FD(fd);
	return 0;
}

int process_signal(int pidfd, int signum, struct err *err)
{
	if (pidfd_send_signal(pidfd, signum, NULL, 0) < 0 && errno != ESRCH)
		return err_sys(err, errno, "send signal %d", signum);
	return 0;
}

bool process_wait(int pidfd, int timeout_ms)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	int got;

	do
		got = poll(&ended, 1, timeout_ms);
	while (got < 0 && errno == EINTR);
	return got > 0;
}
