// SPDX-License-Identifier: MIT
/*
 * Short children, waited for with a deadline: helper programs (proc_run) and a function of ours in
 * a process of its own (proc_call), for work that may stall or die.  Blocking: for the moments of a
 * start when there is nothing else to serve.  A child that misses its deadline is killed.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc_internal.h"
#include "base/tail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum {
	RESULT_MAX = 4096, /* fits into a pipe, so that the child never waits for us */
	PIPE_SIZE = 65536,
};

/* A helper that runs, and what we read of it. */
struct run {
	struct proc proc;
	int err_fd, out_fd; /* -1: none */
	struct tail tail;   /* of its standard error */
	struct buf *output; /* or NULL */
};

static void run_done(struct run *run)
{
	proc_kill(&run->proc);
	if (run->err_fd >= 0)
		close(run->err_fd);
	if (run->out_fd >= 0)
		close(run->out_fd);
}

/* A pipe whose reading end, ours, never blocks. */
static int open_pipe(int *ret_ours, int *ret_theirs, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return fd_set_nonblock(fds[0], true, err);
}

/* A regular file in memory: nobody has to feed it, and a helper that ignores it is no trouble. */
static int open_input(struct view input, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "memfd_create");
	if (fd_write_all(fd, input.ptr, input.len, "standard input", err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "rewind standard input");
	*ret_fd = STEAL_FD(fd);
	return 0;
}

/* Reads what is in the pipe `*fd` now, and closes it (-1) at its end.  No more than a pipe holds:
 * a helper that never stops writing must not keep us from the deadline. */
static void drain(int *fd, struct run *run)
{
	char chunk[4096];
	ssize_t got = -1;

	if (*fd < 0)
		return;
	for (size_t total = 0; total < PIPE_SIZE; total += (size_t)got) {
		got = read(*fd, chunk, sizeof(chunk));
		if (got <= 0)
			break;
		if (fd == &run->err_fd)
			tail_put(&run->tail, (struct view){chunk, (size_t)got});
		else
			buf_put(run->output, chunk, (size_t)got);
	}
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close(STEAL_FD(*fd));
	explicit_bzero(chunk, sizeof(chunk)); /* a credential helper's answer may have been in it */
}

static int drain_all(struct run *run, struct err *err)
{
	drain(&run->err_fd, run);
	drain(&run->out_fd, run);
	return run->output ? buf_check(run->output, "the output", err) : 0;
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
static int collect(struct run *run, uint64_t end, struct err *err)
{
	for (;;) {
		struct pollfd polls[] = {{.fd = run->proc.pidfd, .events = POLLIN},
					 {.fd = run->err_fd, .events = POLLIN},
					 {.fd = run->out_fd, .events = POLLIN}};
		int ready = poll(polls, ARRAY_SIZE(polls), time_left(end));

		if (ready < 0 && errno != EINTR)
			return err_sys(err, errno, "poll");
		if (ready == 0)
			return err_set(err, ERR_TIMEOUT, "took too long and was stopped");
		if (drain_all(run, err) < 0)
			return -1;
		if (ready > 0 && polls[0].revents)
			return drain_all(run, err); /* what came between read and end */
	}
}

static const char *program_name(const struct proc_spec *spec)
{
	const char *slash = strrchr(spec->argv[0], '/');

	return slash ? slash + 1 : spec->argv[0];
}

/* Starts it with the pipes in place of the spec's own descriptors. */
static int run_start(struct run *run, const struct proc_spec *spec, const struct view *input,
		     struct err *err)
{
	struct proc_spec mine = *spec;
	AUTO_FD int in = -1, out = -1, errors = -1;

	if (open_pipe(&run->err_fd, &errors, err) < 0)
		return -1;
	mine.stderr_fd = errors;
	if (input) {
		if (open_pipe(&run->out_fd, &out, err) < 0 || open_input(*input, &in, err) < 0)
			return -1;
		mine.stdin_fd = in;
		mine.stdout_fd = out;
	}
	return proc_start(&mine, &run->proc, err);
}

static int run_helper(const struct proc_spec *spec, const struct view *input, struct buf *output,
		      int timeout_ms, struct err *err)
{
	AUTO(run_done)
	struct run run = {.proc = PROC_INIT, .err_fd = -1, .out_fd = -1, .output = output};
	AUTO_BUF struct buf reason = BUF_INIT(LIMIT_STDERR_TAIL);
	char how[64];
	int status;

	if (run_start(&run, spec, input, err) < 0)
		return err_wrap(err, "%s", program_name(spec));
	if (collect(&run, deadline(timeout_ms), err) < 0)
		return err_wrap(err, "%s", program_name(spec));
	if (proc_wait(&run.proc, -1, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	proc_describe(status, how, sizeof(how));
	tail_lines(&run.tail, 1, &reason);
	return err_set(err, ERR_IO, "%s: %s%s%s", program_name(spec), how, reason.len ? ": " : "",
		       reason.len ? reason.ptr : "");
}

int proc_run(const struct proc_spec *spec, int timeout_ms, struct err *err)
{
	return run_helper(spec, NULL, NULL, timeout_ms, err);
}

int proc_run_io(const struct proc_spec *spec, struct view input, struct buf *output, int timeout_ms,
		struct err *err)
{
	return run_helper(spec, &input, output, timeout_ms, err);
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
