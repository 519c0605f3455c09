// SPDX-License-Identifier: MIT
/*
 * Short children, waited for with a deadline: helper programs (proc_run) and a function of ours in
 * a process of its own (proc_call), for work that may stall or die.  Blocking: for the moments of a
 * start when there is nothing else to serve.  A child that misses its deadline is killed.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/proc_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { RESULT_MAX = 4096 }; /* fits into a pipe, so that the child never waits for us */

/* The last bytes of a stream of any length. */
struct tail {
	char text[LIMIT_STDERR_TAIL + 1];
	size_t len;
};

static void tail_add(struct tail *tail, const char *bytes, size_t len)
{
	size_t keep;

	if (len > LIMIT_STDERR_TAIL) {
		bytes += len - LIMIT_STDERR_TAIL;
		len = LIMIT_STDERR_TAIL;
	}
	keep = MIN(tail->len, LIMIT_STDERR_TAIL - len);
	memmove(tail->text, tail->text + tail->len - keep, keep);
	memcpy(tail->text + keep, bytes, len);
	tail->len = keep + len;
	tail->text[tail->len] = '\0';
}

/* The last line that is not empty; cuts the text behind it. */
static const char *tail_last_line(struct tail *tail)
{
	char *line;

	while (tail->len > 0 && strchr("\n\r \t", tail->text[tail->len - 1]))
		tail->len--;
	tail->text[tail->len] = '\0';
	line = strrchr(tail->text, '\n');
	return line ? line + 1 : tail->text;
}

/* What is in the pipe now; false once it has ended. */
static bool drain(int fd, struct tail *tail)
{
	char chunk[4096];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		tail_add(tail, chunk, (size_t)got);
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static int time_left(uint64_t end)
{
	uint64_t now = clock_monotonic_ms();

	return end == UINT64_MAX ? -1 : now < end ? (int)(end - now) : 0;
}

static uint64_t deadline(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : clock_monotonic_ms() + (uint64_t)timeout_ms;
}

/* Collects the output until the child has ended (a grandchild may hold the pipe for longer). */
static int collect(const struct proc *proc, int fd, uint64_t end, struct tail *tail,
		   struct err *err)
{
	struct pollfd polls[] = {{.fd = proc->pidfd, .events = POLLIN},
				 {.fd = fd, .events = POLLIN}};

	for (;;) {
		int ready = poll(polls, ARRAY_SIZE(polls), time_left(end));

		if (ready < 0 && errno != EINTR)
			return err_sys(err, errno, "poll");
		if (ready == 0)
			return err_set(err, ERR_TIMEOUT, "took too long and was stopped");
		if (!drain(fd, tail))
			polls[1].fd = -1;
		if (ready > 0 && polls[0].revents)
			return 0;
	}
}

static const char *program_name(const struct proc_spec *spec)
{
	const char *slash = strrchr(spec->argv[0], '/');

	return slash ? slash + 1 : spec->argv[0];
}

int proc_run(const struct proc_spec *spec, int timeout_ms, struct err *err)
{
	struct proc_spec mine = *spec;
	AUTO(proc_kill) struct proc proc = PROC_INIT;
	AUTO_FD int out = -1, in = -1;
	struct tail tail = {.len = 0};
	char how[64];
	int fds[2], status;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "start '%s': pipe", spec->argv[0]);
	out = fds[0];
	mine.stderr_fd = in = fds[1];
	if (proc_start(&mine, &proc, err) < 0)
		return -1;
	close(STEAL_FD(in));
	if (fcntl(out, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, errno, "%s: set O_NONBLOCK", program_name(spec));
	if (collect(&proc, out, deadline(timeout_ms), &tail, err) < 0)
		return err_wrap(err, "%s", program_name(spec));
	drain(out, &tail);
	if (proc_wait(&proc, -1, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	proc_describe(status, how, sizeof(how));
	if (tail.len == 0)
		return err_set(err, ERR_IO, "%s: %s", program_name(spec), how);
	return err_set(err, ERR_IO, "%s: %s: %s", program_name(spec), how, tail_last_line(&tail));
}

static ML_NORETURN void call_in_child(proc_call_fn *fn, void *arg, int fd, int parent_fd,
				      size_t size)
{
	char result[RESULT_MAX] = {0};

	proc_child_signals();
	proc_child_tie(parent_fd);
	fn(arg, result);
	(void)!write(fd, result, size);
	_exit(0);
}

int proc_call(proc_call_fn *fn, void *arg, int timeout_ms, void *ret_result, size_t size,
	      struct err *err)
{
	AUTO(proc_kill) struct proc proc = PROC_INIT;
	AUTO_FD int parent_fd = pidfd_open(getpid(), 0), out = -1, in = -1;
	struct pollfd result = {.events = POLLIN};
	uint64_t end = deadline(timeout_ms);
	int fds[2], ready;

	assert(size <= RESULT_MAX);
	if (parent_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "start a child");
	result.fd = out = fds[0];
	in = fds[1];
	proc.pid = fork();
	if (proc.pid < 0)
		return err_sys(err, errno, "fork");
	if (proc.pid == 0)
		call_in_child(fn, arg, in, parent_fd, size);
	close(STEAL_FD(in));
	do
		ready = poll(&result, 1, time_left(end));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return err_set(err, ERR_TIMEOUT, "a child took longer than %d ms", timeout_ms);
	if (ready < 0 || read(out, ret_result, size) != (ssize_t)size)
		return err_set(err, ERR_IO, "a child ended without a result");
	return 0;
}

/* Looks for `program` in a ':'-separated list. */
static char *find_in(const char *dirs, const char *program)
{
	while (*dirs) {
		size_t len = strcspn(dirs, ":");

		if (*dirs == '/') {
			AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, dirs, program);

			if (access(path, X_OK) == 0)
				return STEAL(path);
		}
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

int proc_find(const char *program, char **ret_path, struct err *err)
{
	const char *dirs = getenv("PATH");

	*ret_path = find_in(dirs ? dirs : "", program);
	if (!*ret_path)
		*ret_path = find_in("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				    program);
	if (!*ret_path)
		return err_set(err, ERR_NOT_FOUND, "'%s' is not installed", program);
	return 0;
}
