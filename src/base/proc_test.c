// SPDX-License-Identifier: MIT
#include "base/proc.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/strv.h"
#include "base/tap.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	DEADLINE_MS = 20000,
	ALL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID |
			 CLONE_NEWUTS
};

static void shell(char *const **ret_argv, const char *script)
{
	static char sh[] = "/bin/sh", c[] = "-c", text[512];
	static char *argv[] = {sh, c, text, NULL};

	snprintf(text, sizeof(text), "%s", script);
	*ret_argv = argv;
}

/* Runs a script with `spec` and gives its output. */
static int output_of(struct proc_spec spec, const char *script, struct buf *out, struct err *err)
{
	struct proc proc = PROC_INIT;
	int fds[2], status;

	shell(&spec.argv, script);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, ERR_IO, "pipe");
	spec.stdout_fd = fds[1];
	spec.stderr_fd = fds[1];
	buf_clear(out);
	if (proc_start(&spec, &proc, err) < 0)
		return -1;
	close(fds[1]);
	if (fd_read_to_end(fds[0], out, "output", err) < 0 ||
	    proc_wait(&proc, DEADLINE_MS, &status, err) < 0)
		return -1;
	close(fds[0]);
	return status;
}

static void check_start(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct err err = {0};
	char program[] = "/nonexistent/program", *missing[] = {program, NULL};
	char text[64];
	int status;

	TEST("a child's status comes back, by exit and by signal");
	shell(&spec.argv, "exit 7");
	CHECK(proc_start(&spec, &proc, &err) == 0 && proc.pid > 0 && proc.pidfd >= 0);
	CHECK(proc_wait(&proc, DEADLINE_MS, &status, &err) == 0);
	proc_describe(status, text, sizeof(text));
	CHECK_STR(text, "exit status 7");
	CHECK(proc.pid == 0 && proc.pidfd == -1);
	shell(&spec.argv, "kill -9 $$");
	CHECK(proc_start(&spec, &proc, &err) == 0);
	CHECK(poll(&(struct pollfd){proc.pidfd, POLLIN, 0}, 1, DEADLINE_MS) == 1);
	CHECK(proc_peek(&proc, &status, &err) == 0 && WTERMSIG(status) == SIGKILL);
	CHECK(proc_wait(&proc, DEADLINE_MS, &status, &err) == 0);
	proc_describe(status, text, sizeof(text));
	CHECK_STR(text, "killed by signal 9");

	TEST("a wait that times out leaves the child running; kill ends it");
	shell(&spec.argv, "sleep 100");
	CHECK(proc_start(&spec, &proc, &err) == 0);
	CHECK(proc_wait(&proc, 30, &status, &err) < 0 && err.code == ERR_TIMEOUT);
	CHECK(proc.pid > 0 && kill(proc.pid, 0) == 0);
	CHECK(proc_peek(&proc, &status, &err) < 0 && err.code == ERR_CONFLICT);
	proc_kill(&proc);
	proc_kill(&proc);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);

	TEST("a program that does not exist is an error of the start, with its name");
	spec.argv = missing;
	CHECK(proc_start(&spec, &proc, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK_STR(err.msg, "start '/nonexistent/program': execute /nonexistent/program: No such "
			   "file or directory");
	spec.namespaces = ALL_NAMESPACES;
	CHECK(proc_start(&spec, &proc, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

static void check_inheritance(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc_limit limit = {RLIMIT_NOFILE, 99};
	char setting[] = "A=1", *env[] = {setting, NULL};
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct err err = {0};
	int leak = open("/etc/passwd", O_RDONLY); /* not close-on-exec, on purpose */
	int pair[2] = {open("/dev/zero", O_RDONLY | O_CLOEXEC),
		       open("/dev/full", O_RDONLY | O_CLOEXEC)};
	int swapped[2] = {pair[1], pair[0]};
	sigset_t set;

	TEST("the child has the listed descriptors, in order, and no other");
	spec.fds = swapped;
	spec.fd_count = 2;
	CHECK(output_of(spec, "cd /proc/self/fd; echo *; readlink 0 3 4", &out, &err) == 0);
	/* dash opens nothing while it expands `*` but the directory itself, as the next number */
	CHECK_STR(out.ptr, "0 1 2 3 4 5\n/dev/null\n/dev/full\n/dev/zero\n");

	TEST("descriptors are placed rightly when targets and sources overlap");
	CHECK(dup3(pair[0], 3, O_CLOEXEC) == 3 || pair[0] == 3);
	CHECK(dup3(pair[1], 4, O_CLOEXEC) == 4 || pair[1] == 4);
	spec.fds = (int[]){4, 3, 4, 3};
	spec.fd_count = 4;
	CHECK(output_of(spec, "cd /proc/self/fd; readlink 3 4 5 6", &out, &err) == 0);
	spec.fds = NULL;
	spec.fd_count = 0;

	TEST("ignored and blocked signals are the default again");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(output_of(spec, "grep -E '^Sig(Blk|Ign)' /proc/self/status", &out, &err) == 0);
	CHECK_STR(out.ptr, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	sigprocmask(SIG_UNBLOCK, &set, NULL);

	TEST("environment, resource limits and session are those of the spec");
	spec.env = env;
	spec.limits = &limit;
	spec.limit_count = 1;
	spec.new_session = true;
	CHECK(output_of(spec, "echo $A $HOME $(ulimit -n) $(ulimit -c)", &out, &err) == 0);
	CHECK_STR(out.ptr, "1 99 0\n");
	CHECK(output_of(spec, "read p c s pp g sid r </proc/self/stat; test $sid = $p; echo $?",
			&out, &err) == 0);
	CHECK_STR(out.ptr, "0\n");
	close(leak);
	close(pair[0]);
	close(pair[1]);
}

static void check_namespaces(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct err err = {0};
	char want[64];

	TEST("in namespaces: process 1, uid 65534, only that one mapped, setgroups denied");
	spec.namespaces = ALL_NAMESPACES;
	CHECK(output_of(spec,
			"echo $$ $(cat /proc/self/uid_map) $(cat /proc/self/gid_map) $(cat "
			"/proc/self/setgroups) $(id -u) $(id -g)",
			&out, &err) == 0);
	snprintf(want, sizeof(want), "1 65534 %u 1 65534 %u 1 deny 65534 65534\n",
		 geteuid() ? geteuid() : 65534, getegid() ? getegid() : 65534);
	CHECK_STR(out.ptr, want);
}

static void write_text(const char *path, const char *text)
{
	struct err err;
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text), path, &err) == 0);
}

/* In a user namespace of its own, where the limit can be 0 without harm to others. */
static int start_locked(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct err err = {0};

	if (setgid(0) < 0 || setuid(0) < 0)
		return 2;
	write_text("/proc/sys/user/max_user_namespaces", "0");
	shell(&spec.argv, "exit 0");
	spec.namespaces = ALL_NAMESPACES;
	if (proc_start(&spec, &proc, &err) == 0 || err.code != ERR_UNAVAILABLE)
		return 3;
	return strstr(err.msg, "user.max_user_namespaces is 0") ? 0 : 4;
}

static void check_lock(void)
{
	char path[64], byte;
	int ready[2], mapped[2], status = 1;
	pid_t child;

	TEST("a host that forbids user namespaces: the error names the lock");
	if (geteuid() != 0) {
		SKIP("only root can make such a host");
		return;
	}
	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(mapped, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "", 1) != 1 ||
		    read(mapped[0], &byte, 1) != 1)
			_exit(1);
		_exit(start_locked());
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)child);
	write_text(path, "0 0 65536\n");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)child);
	write_text(path, "0 0 65536\n");
	CHECK(write(mapped[1], "", 1) == 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(mapped[i]);
	}
}

/* A parent that dies at once: its child must die too.  The child holds the pipe until then. */
static void check_parent_death(unsigned namespaces, const char *name)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct err err = {0};
	uint64_t before = clock_monotonic_ms();
	char byte;
	int fds[2];
	pid_t parent;

	TEST(name);
	spec.namespaces = namespaces;
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	spec.stdout_fd = fds[1];
	parent = fork();
	if (parent == 0) {
		shell(&spec.argv, "echo; exec sleep 100");
		proc_start(&spec, &proc, &err);
		pause();
	}
	close(fds[1]);
	CHECK(read(fds[0], &byte, 1) == 1);
	kill(parent, SIGKILL);
	CHECK(read(fds[0], &byte, 1) == 0);
	CHECK(clock_monotonic_ms() - before < DEADLINE_MS);
	waitpid(parent, NULL, 0);
	close(fds[0]);
}

static void check_run(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = {0};
	uint64_t before;

	TEST("a helper's failure carries its status and the last line of its stderr");
	shell(&spec.argv, "exit 0");
	CHECK(proc_run(&spec, DEADLINE_MS, &err) == 0);
	shell(&spec.argv, "echo one >&2; echo 'two' >&2; echo >&2; exit 3");
	CHECK(proc_run(&spec, DEADLINE_MS, &err) < 0 && err.code == ERR_IO);
	CHECK_STR(err.msg, "sh: exit status 3: two");
	shell(&spec.argv, "yes aaaaaaaaaa | head -c 330000 >&2; echo end >&2; exit 1");
	CHECK(proc_run(&spec, DEADLINE_MS, &err) < 0);
	CHECK_STR(err.msg, "sh: exit status 1: end");
	shell(&spec.argv, "exit 2");
	CHECK(proc_run(&spec, DEADLINE_MS, &err) < 0);
	CHECK_STR(err.msg, "sh: exit status 2");

	TEST("a helper that takes too long is killed");
	before = clock_monotonic_ms();
	shell(&spec.argv, "exec sleep 100");
	CHECK(proc_run(&spec, 50, &err) < 0 && err.code == ERR_TIMEOUT);
	CHECK_STR(err.msg, "sh: took too long and was stopped");
	CHECK(clock_monotonic_ms() - before < DEADLINE_MS);

	TEST("a grandchild that holds stderr does not hold up the result");
	before = clock_monotonic_ms();
	shell(&spec.argv, "sleep 3 & exit 0");
	CHECK(proc_run(&spec, DEADLINE_MS, &err) == 0);
	CHECK(clock_monotonic_ms() - before < 2500);
}

static void check_run_io(void)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	AUTO_BUF struct buf out = BUF_INIT(200000);
	struct err err = {0};
	uint64_t before;

	TEST("a helper reads its input and its answer comes back, as long as a few pipes");
	shell(&spec.argv, "tr a-z A-Z; echo '!'; head -c 150000 /dev/zero");
	CHECK(proc_run_io(&spec, VIEW_LIT("host\n"), &out, DEADLINE_MS, &err) == 0);
	CHECK(out.len == 150007 && memcmp(out.ptr, "HOST\n!\n", 8) == 0);

	TEST("the answer of a helper that fails is there too, and is no part of the error");
	buf_clear(&out);
	shell(&spec.argv, "echo secret; echo reason >&2; exit 1");
	CHECK(proc_run_io(&spec, VIEW_LIT(""), &out, DEADLINE_MS, &err) < 0 && err.code == ERR_IO);
	CHECK_STR(err.msg, "sh: exit status 1: reason");
	CHECK_STR(out.ptr, "secret\n");

	TEST("a helper that says too much is stopped");
	before = clock_monotonic_ms();
	shell(&spec.argv, "exec cat /dev/zero");
	CHECK(proc_run_io(&spec, VIEW_LIT(""), &out, -1, &err) < 0 && err.code == ERR_LIMIT);
	CHECK_STR(err.msg, "sh: the output is larger than 200000 bytes");

	TEST("a flood of words does not outlast the deadline");
	shell(&spec.argv, "exec cat /dev/zero >&2");
	CHECK(proc_run(&spec, 50, &err) < 0 && err.code == ERR_TIMEOUT);
	CHECK(clock_monotonic_ms() - before < DEADLINE_MS);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

static void give_square(void *arg, void *ret_result)
{
	int value = *(int *)arg, square = value * value;

	memcpy(ret_result, &square, sizeof(square));
}

static void never_return(void *arg, void *ret_result)
{
	(void)arg;
	(void)ret_result;
	for (;;)
		pause();
}

static void die(void *arg, void *ret_result)
{
	(void)arg;
	(void)ret_result;
	raise(SIGKILL);
}

static void check_call(void)
{
	struct err err = {0};
	int value = 12, square = 0;

	TEST("a function runs in a child and its result comes back");
	CHECK(proc_call(give_square, &value, DEADLINE_MS, &square, sizeof(square), &err) == 0);
	CHECK(square == 144);

	TEST("a function that stalls is a timeout, one that dies an error");
	CHECK(proc_call(never_return, NULL, 30, &square, sizeof(square), &err) < 0 &&
	      err.code == ERR_TIMEOUT);
	CHECK(proc_call(die, NULL, DEADLINE_MS, &square, sizeof(square), &err) < 0 &&
	      err.code == ERR_IO);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

/* Whether a function in namespaces of its own rules them, and its parent's is another. */
static void rule_namespaces(void *arg, void *ret_result)
{
	struct err err;

	(void)arg;
	*(bool *)ret_result = proc_unshare(CLONE_NEWUTS, &err) == 0 && getuid() == 0 &&
			      getgid() == 0 && sethostname("inside", 6) == 0;
}

static void check_unshare(void)
{
	char before[256], after[256];
	struct err err = {0};
	bool ruled = false;

	TEST("a function in a child rules namespaces of its own");
	gethostname(before, sizeof(before));
	CHECK(proc_call(rule_namespaces, NULL, DEADLINE_MS, &ruled, sizeof(ruled), &err) == 0);
	CHECK(ruled);
	gethostname(after, sizeof(after));
	CHECK_STR(after, before);
}

static void check_find(void)
{
	struct err err = {0};
	char *path = NULL;

	TEST("programs are found by name, those of sbin too");
	setenv("PATH", "relative::/nonexistent:/usr/bin", 1);
	CHECK(proc_find("env", &path, &err) == 0);
	CHECK_STR(path, "/usr/bin/env");
	free(path);
	CHECK(proc_find("mke2fs", &path, &err) == 0 && strstr(path, "sbin/mke2fs"));
	free(path);
	CHECK(proc_find("no-such-program", &path, &err) < 0 && err.code == ERR_NOT_FOUND);
}

int main(void)
{
	check_start();
	check_inheritance();
	check_namespaces();
	check_lock();
	check_parent_death(0, "a child dies with its parent");
	check_parent_death(ALL_NAMESPACES, "a child in namespaces dies with its parent");
	check_run();
	check_run_io();
	check_call();
	check_unshare();
	check_find();
	return tap_done();
}
