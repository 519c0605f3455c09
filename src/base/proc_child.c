// SPDX-License-Identifier: MIT
/*
 * The child's half of proc_start(): from fork to exec.  System calls only: another thread of the
 * parent may have held the allocator's lock at the fork.
 *
 * Two processes when namespaces are wanted.  The first gives up root, then makes the second inside
 * the new namespaces and as a child of *our* parent (CLONE_PARENT), so that the caller waits for
 * the real thing; the second maps its uid, enters the private root, drops privileges, arranges its
 * descriptors and executes the program.  A failure is written to the report socket; exec closes it.
 *
 * A child that is a function (proc_call) enters its namespaces itself: proc_unshare().
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/proc_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void copy_text(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

static ML_NORETURN void give_up(int report_fd, const struct child_failure *failure)
{
	struct proc_report report = {.errnum = failure->errnum};

	copy_text(report.step, sizeof(report.step), failure->step);
	copy_text(report.what, sizeof(report.what), failure->what);
	(void)!write(report_fd, &report, sizeof(report));
	_exit(PROC_EXIT_UNSTARTED);
}

void proc_child_signals(void)
{
	/* The kernel's struct, all zero: SIG_DFL.  Past the C library, which hides its own two
	 * signals; whoever started us may have left even those ignored. */
	static const unsigned long dfl[4];
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a process namespace getppid() is 0 whether the parent lives or not: ask its pidfd. */
void proc_child_tie(int parent_fd)
{
	struct pollfd parent = {.fd = parent_fd, .events = POLLIN};

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (poll(&parent, 1, 0) != 0)
		_exit(PROC_EXIT_UNSTARTED);
}

static int set_limits(const struct proc_spec *spec, struct child_failure *failure)
{
	struct rlimit no_core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return child_fail(failure, "set resource limit", "");
	for (size_t i = 0; i < spec->limit_count; i++) {
		struct rlimit limit = {spec->limits[i].value, spec->limits[i].value};

		if (setrlimit((__rlimit_resource_t)spec->limits[i].resource, &limit) < 0)
			return child_fail(failure, "set resource limit", "");
	}
	return 0;
}

static int become_nobody(const struct proc_spec *spec, struct child_failure *failure)
{
	if (setgroups(spec->keep_group ? 1 : 0, &spec->keep_group) < 0)
		return child_fail(failure, "setgroups", "");
	/* The system calls: the C library's functions would signal the parent's threads, which a
	 * forked child does not have. */
	if (syscall(SYS_setresgid, PROC_NOBODY, PROC_NOBODY, PROC_NOBODY) < 0)
		return child_fail(failure, "setresgid", "");
	if (syscall(SYS_setresuid, PROC_NOBODY, PROC_NOBODY, PROC_NOBODY) < 0)
		return child_fail(failure, "setresuid", "");
	return 0;
}

static int write_file(const char *path, const char *text, struct child_failure *failure)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return child_fail(failure, "write", path);
	return 0;
}

/* After a change of uid the files in /proc/self belong to root unless the process is dumpable.  It
 * is so for these three writes only: until exec it is a copy of the parent. */
static int map_ids(const char *uid_map, const char *gid_map, struct child_failure *failure)
{
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return child_fail(failure, "set dumpable", "");
	if (write_file("/proc/self/setgroups", "deny", failure) < 0 ||
	    write_file("/proc/self/uid_map", uid_map, failure) < 0 ||
	    write_file("/proc/self/gid_map", gid_map, failure) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return child_fail(failure, "set dumpable", "");
	return 0;
}

/* Moves the descriptors of the spec to 0, 1, 2, 3 ... and marks all others close-on-exec.  In two
 * passes, since a target may be the source of another.  The report socket and the parent's pidfd
 * are moved out of the way too. */
static int place_fds(struct proc_plan *plan, struct child_failure *failure)
{
	const struct proc_spec *spec = plan->spec;
	int stdio[3] = {spec->stdin_fd, spec->stdout_fd, spec->stderr_fd};
	int from[PROC_FDS_MAX + 3], count = (int)spec->fd_count + 3;

	plan->report_fd = fcntl(plan->report_fd, F_DUPFD_CLOEXEC, count);
	plan->parent_fd = fcntl(plan->parent_fd, F_DUPFD_CLOEXEC, count);
	for (int i = 0; i < count; i++) {
		int fd = i < 3 ? stdio[i] : spec->fds[i - 3];

		from[i] = fcntl(fd < 0 && i < 3 ? plan->null_fd : fd, F_DUPFD_CLOEXEC, count);
		if (from[i] < 0)
			return child_fail(failure, "duplicate a descriptor", "");
	}
	for (int i = 0; i < count; i++) {
		if (dup2(from[i], i) < 0)
			return child_fail(failure, "place a descriptor", "");
	}
	if (syscall(SYS_close_range, count, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return child_fail(failure, "close_range", "");
	return 0;
}

static int confine(const struct proc_plan *plan, struct child_failure *failure)
{
	const struct confine_spec *spec = plan->spec->confine;

	if (!spec->keep_root && confine_root(spec, plan->tmpfs_options, failure) < 0)
		return -1;
	if (confine_drop_privileges(failure) < 0)
		return -1;
	return confine_landlock(spec, failure);
}

/* The last step before exec.  The listener of the filter, if it has one, goes to the parent. */
static int filter_calls(const struct proc_plan *plan, struct child_failure *failure)
{
	const struct proc_report report = {0};
	struct err ignored;
	int listener;

	if (confine_filter(plan->spec->confine, &plan->program, &listener, failure) < 0)
		return -1;
	if (listener >= 0 &&
	    fd_send(plan->report_fd, &report, sizeof(report), &listener, 1, &ignored) < 0)
		return child_fail(failure, "hand over the seccomp filter's listener", "");
	return 0;
}

/* The final child. */
static ML_NORETURN void run_program(struct proc_plan *plan)
{
	static char *const no_env[] = {NULL};
	const struct proc_spec *spec = plan->spec;
	struct child_failure failure = {0};

	if ((spec->namespaces & CLONE_NEWUSER) &&
	    map_ids(plan->uid_map, plan->gid_map, &failure) < 0)
		give_up(plan->report_fd, &failure);
	if (spec->new_session)
		setsid(); /* fails only for a group leader, which a fresh child is not */
	if (spec->confine && confine(plan, &failure) < 0)
		give_up(plan->report_fd, &failure);
	if (place_fds(plan, &failure) < 0 || set_limits(spec, &failure) < 0)
		give_up(plan->report_fd, &failure);
	proc_child_signals();
	if (!spec->detached)
		proc_child_tie(plan->parent_fd); /* after the last change of credentials */
	if (spec->confine && filter_calls(plan, &failure) < 0)
		give_up(plan->report_fd, &failure);
	execve(spec->argv[0], spec->argv, spec->env ? spec->env : no_env);
	child_fail_(&failure, "execute", spec->argv[0]);
	give_up(plan->report_fd, &failure);
}

void proc_child(const struct proc_plan *parent_plan)
{
	struct proc_plan plan = *parent_plan;
	struct child_failure failure = {0};
	struct proc_report report = {0};
	long pid;

	if (!plan.spec->detached)
		proc_child_tie(plan.parent_fd);
	if (!plan.spec->namespaces)
		run_program(&plan);
	if (plan.become_nobody && become_nobody(plan.spec, &failure) < 0)
		give_up(plan.report_fd, &failure);
	proc_child_tie(plan.parent_fd);
	/* The exit signal is that of this process, SIGCHLD, because of CLONE_PARENT. */
	pid = syscall(SYS_clone, (unsigned long)plan.spec->namespaces | CLONE_PARENT, 0, 0, 0, 0);
	if (pid < 0) {
		child_fail_(&failure, PROC_STEP_NAMESPACES, "");
		give_up(plan.report_fd, &failure);
	}
	if (pid == 0)
		run_program(&plan);
	report.pid = (pid_t)pid;
	(void)!write(plan.report_fd, &report, sizeof(report));
	_exit(0);
}

int proc_unshare(unsigned namespaces, struct err *err)
{
	struct child_failure failure = {0};
	char uid_map[32], gid_map[32];
	const char *lock;

	snprintf(uid_map, sizeof(uid_map), "0 %u 1\n", geteuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1\n", getegid());
	if (unshare((int)(namespaces | CLONE_NEWUSER)) < 0)
		child_fail_(&failure, PROC_STEP_NAMESPACES, "");
	else if (map_ids(uid_map, gid_map, &failure) == 0)
		return 0;
	lock = proc_namespace_lock(failure.step, failure.errnum);
	if (lock)
		return err_set(err, ERR_UNAVAILABLE, "%s: %s", failure.step, lock);
	return err_sys(err, failure.errnum, "%s %s", failure.step, failure.what);
}
