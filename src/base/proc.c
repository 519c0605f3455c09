// SPDX-License-Identifier: MIT
/*
 * Child processes: the parent's half (the child's half is proc_child.c, one level of helpers for
 * short programs is proc_run.c).
 *
 * Everything that needs memory is prepared before the fork.  A close-on-exec socket tells how it
 * went: end of file after a successful exec, else a record with the step, its object and errno.
 * All signals are blocked around the fork, so that no handler of the parent runs in the child.  A
 * child that failed is reaped here; the caller gets a child that runs its program or an error.
 */
#include "base/proc.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void plan_done(struct proc_plan *plan)
{
	free(plan->program.filter);
	if (plan->null_fd >= 0)
		close(plan->null_fd);
	if (plan->report_fd >= 0)
		close(plan->report_fd);
	if (plan->parent_fd >= 0)
		close(plan->parent_fd);
}

static int plan_prepare(struct proc_plan *plan, struct err *err)
{
	const struct proc_spec *spec = plan->spec;
	unsigned uid = geteuid(), gid = getegid();

	assert(spec->argv && spec->argv[0] && spec->fd_count <= PROC_FDS_MAX);
	plan->become_nobody = uid == 0 && (spec->namespaces & CLONE_NEWUSER);
	if (plan->become_nobody)
		uid = gid = PROC_NOBODY;
	snprintf(plan->uid_map, sizeof(plan->uid_map), "%u %u 1\n", (unsigned)PROC_NOBODY, uid);
	snprintf(plan->gid_map, sizeof(plan->gid_map), "%u %u 1\n", (unsigned)PROC_NOBODY, gid);
	plan->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (plan->null_fd < 0)
		return err_sys(err, errno, "open '/dev/null'");
	plan->parent_fd = pidfd_open(getpid(), 0);
	if (plan->parent_fd < 0)
		return err_sys(err, errno, "pidfd_open");
	if (!spec->confine)
		return 0;
	assert(spec->confine->keep_root ||
	       ((spec->namespaces & CLONE_NEWUSER) && (spec->namespaces & CLONE_NEWNS)));
	assert(spec->ret_notify_fd || !confine_notifies(spec->confine));
	if (confine_tmpfs_options(spec->confine, plan->tmpfs_options, err) < 0)
		return -1;
	return confine_compile(spec->confine, &plan->program, err);
}

/* Forks with all signals blocked, so that the child starts without our handlers' doing. */
static pid_t fork_quietly(const struct proc_plan *plan)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		proc_child(plan);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What the child reported. */
struct outcome {
	pid_t pid; /* of the final child, or 0 */
	int notify_fd;
	struct proc_report failure; /* errnum 0: none */
};

/* Reads the socket, where one write is one read, to its end. */
static void read_reports(int fd, struct outcome *ret)
{
	struct proc_report report;
	size_t count;
	struct err ignored;
	int listener;

	while (fd_recv(fd, &report, sizeof(report), &listener, 1, &count, &ignored) ==
	       (ssize_t)sizeof(report)) {
		if (report.errnum)
			ret->failure = report;
		if (report.pid)
			ret->pid = report.pid;
		if (count > 0)
			ret->notify_fd = listener;
	}
}

static int explain(const char *program, const struct proc_report *failure, struct err *err)
{
	const char *lock = proc_namespace_lock(failure->step, failure->errnum);
	bool named = failure->what[0] != '\0';

	if (lock)
		return err_set(err, ERR_UNAVAILABLE, "start '%s': %s%s%s: %s", program,
			       failure->step, named ? " " : "", failure->what, lock);
	return err_sys(err, failure->errnum, "start '%s': %s%s%s", program, failure->step,
		       named ? " " : "", failure->what);
}

int proc_start(const struct proc_spec *spec, struct proc *ret_proc, struct err *err)
{
	AUTO(plan_done)
	struct proc_plan plan = {.spec = spec, .null_fd = -1, .report_fd = -1, .parent_fd = -1};
	struct outcome outcome = {.notify_fd = -1};
	AUTO_FD int report_fd = -1, notify_fd = -1;
	int pair[2];
	pid_t first;

	if (plan_prepare(&plan, err) < 0)
		return err_wrap(err, "start '%s'", spec->argv[0]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "start '%s': socketpair", spec->argv[0]);
	report_fd = pair[0];
	plan.report_fd = pair[1];
	outcome.pid = first = fork_quietly(&plan);
	if (first < 0)
		return err_sys(err, errno, "start '%s': fork", spec->argv[0]);
	close(STEAL_FD(plan.report_fd));
	read_reports(report_fd, &outcome);
	notify_fd = outcome.notify_fd;
	if (outcome.pid != first)
		reap(first);
	if (outcome.failure.errnum) {
		reap(outcome.pid);
		return explain(spec->argv[0], &outcome.failure, err);
	}
	ret_proc->pid = outcome.pid;
	ret_proc->pidfd = pidfd_open(outcome.pid, 0); /* not reaped: still the same one */
	if (ret_proc->pidfd >= 0) {
		if (spec->ret_notify_fd)
			*spec->ret_notify_fd = STEAL_FD(notify_fd);
		return 0;
	}
	err_sys_(err, errno, "start '%s': pidfd_open", spec->argv[0]);
	proc_kill(ret_proc);
	return -1;
}

int proc_wait(struct proc *proc, int timeout_ms, int *ret_status, struct err *err)
{
	uint64_t end = clock_monotonic_ms() + (uint64_t)MAX(timeout_ms, 0);
	struct pollfd ended = {.fd = proc->pidfd, .events = POLLIN};
	int left = timeout_ms, ready;

	while ((ready = poll(&ended, 1, left)) < 0 && errno == EINTR) {
		uint64_t now = clock_monotonic_ms();

		if (timeout_ms >= 0)
			left = now < end ? (int)(end - now) : 0;
	}
	if (ready < 0)
		return err_sys(err, errno, "wait for process %d", (int)proc->pid);
	if (ready == 0)
		return err_set(err, ERR_TIMEOUT, "process %d still runs after %d ms",
			       (int)proc->pid, timeout_ms);
	if (waitpid(proc->pid, ret_status, 0) < 0)
		return err_sys(err, errno, "wait for process %d", (int)proc->pid);
	close(proc->pidfd);
	*proc = (struct proc)PROC_INIT;
	return 0;
}

int proc_peek(const struct proc *proc, int *ret_status, struct err *err)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_sys(err, errno, "status of process %d", (int)proc->pid);
	if (info.si_pid == 0)
		return err_set(err, ERR_CONFLICT, "process %d still runs", (int)proc->pid);
	*ret_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
						 : W_EXITCODE(0, info.si_status);
	return 0;
}

void proc_kill(struct proc *proc)
{
	if (proc->pid > 0) {
		kill(proc->pid, SIGKILL);
		reap(proc->pid);
	}
	if (proc->pidfd >= 0)
		close(proc->pidfd);
	*proc = (struct proc)PROC_INIT;
}

void proc_describe(int status, char *ret_text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(ret_text, size, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(ret_text, size, "exit status %d", WEXITSTATUS(status));
}
