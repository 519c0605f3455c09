// SPDX-License-Identifier: MIT
/*
 * The container's init: PID 1 of its PID namespace.  It sets up root, groups and limits once, then
 * waits for orders (start, signal, stop) and for children: it reports the commands and reaps
 * everything else that was left behind by them.
 *
 * It takes the confinement of an unprivileged sandbox on itself, so that all that it forks has it;
 * it cannot be traced from inside.  Nothing in the container can signal it but the kernel.
 *
 * Failure modes: a set-up step fails: the text goes to the agent and it exits.  A command cannot be
 * forked: the command's status descriptor says so, and a report follows as if it had ended.  The
 * agent is gone: it exits, and the kernel ends all others.
 */
#include "guest/container_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "guest/cgroup.h"
#include "guest/confine.h"
#include "guest/container.h"
#include "guest/etc_files.h"
#include "guest/exec.h"
#include "guest/fs.h"
#include "guest/rootfs.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN_FILES = 1048576, EXIT_LOST_AGENT = 3 };

struct child {
	pid_t pid;
	unsigned id;
};

struct init {
	struct container_init_fds fds;
	unsigned etc_mask; /* files below /etc that are ours */
	int child_signal;  /* signalfd */
	struct child *children;
	size_t count, cap;
	bool stopping;
};

/* --- set-up --- */

static void close_others(const struct container_init_fds *fds)
{
	int keep[] = {fds->orders, fds->reports, fds->ready};
	unsigned from = STDERR_FILENO + 1;

	for (size_t round = 0; round < ARRAY_SIZE(keep); round++) {
		unsigned next = ~0u;

		for (size_t i = 0; i < ARRAY_SIZE(keep); i++) {
			if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		}
		if (next > from)
			close_range(from, next - 1, 0);
		from = next + 1;
	}
	close_range(from, ~0u, 0);
}

static int set_limits(struct err *err)
{
	const struct rlimit files = {OPEN_FILES, OPEN_FILES};

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(err, errno, "limit of open files");
	/* Its death would be the death of all: never the one to go when memory is out. */
	if (fs_write("/proc/self/oom_score_adj", "-1000", err) < 0)
		return -1;
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	setsid();
	return 0;
}

static int set_up(struct init *init, const struct agent_setup *setup, struct err *err)
{
	sigset_t mask;

	if (cgroup_enter(err) < 0 || rootfs_enter(setup, &init->etc_mask, err) < 0 ||
	    set_limits(err) < 0)
		return -1;
	prctl(PR_SET_NAME, "init");
	if (!setup->privileged && confine_self(err) < 0)
		return -1;
	/* Last: a change of credentials would set it again. */
	prctl(PR_SET_DUMPABLE, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return err_sys(err, errno, "block SIGCHLD");
	init->child_signal = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (init->child_signal < 0)
		return err_sys(err, errno, "signalfd");
	return 0;
}

/* --- children --- */

static void child_add(struct init *init, pid_t pid, unsigned id)
{
	if (init->count == init->cap) {
		init->cap = MAX(init->cap * 2, (size_t)16);
		init->children = xreallocarray(init->children, init->cap, sizeof(*init->children));
	}
	init->children[init->count++] = (struct child){pid, id};
}

static void report(const struct init *init, unsigned id, int wait_status)
{
	struct container_report r = {id, wait_status};
	struct err ignored;

	/* Without its agent the loop ends by the socket's hang-up. */
	(void)fd_write_all(init->fds.reports, &r, sizeof(r), "report", &ignored);
}

static void child_ended(struct init *init, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < init->count; i++) {
		if (init->children[i].pid != pid)
			continue;
		report(init, init->children[i].id, wait_status);
		init->children[i] = init->children[--init->count];
		return;
	}
}

/* Reaps all that has ended.  When stopping, exits once nothing is left. */
static void reap(struct init *init)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(init->child_signal, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		child_ended(init, pid, status);
	if (pid < 0 && errno == ECHILD && init->stopping)
		_exit(0);
}

/* --- orders --- */

static pid_t fork_into(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void order_exec(struct init *init, const struct container_message *message, int *fds)
{
	AUTO_FREE char *payload = xcalloc(1, (size_t)message->payload_len + 1);
	struct exec_task task = {.pty = message->pty};
	struct err err;
	pid_t pid;

	if (fd_read_exact(init->fds.orders, payload, message->payload_len, "order", &err) < 0)
		_exit(EXIT_LOST_AGENT);
	task.request = (struct view){payload, message->payload_len};
	memcpy(task.fds, fds, sizeof(task.fds));
	pid = fork_into(fds[CONTAINER_CGROUP]);
	if (pid == 0)
		exec_child(&task);
	if (pid < 0) {
		err_sys_(&err, errno, "start a process");
		exec_fail(fds[CONTAINER_STATUS], 1, &err);
		report(init, message->id, W_EXITCODE(1, 0));
	} else {
		child_add(init, pid, message->id);
	}
	explicit_bzero(payload, message->payload_len);
}

static void order_open_etc(const struct init *init)
{
	struct container_answer answer = {.fd_mask = init->etc_mask};
	int fds[ETC_FILES], open_fds[ETC_FILES];
	size_t count = 0;
	struct err err, lost;

	if (etc_files_open(init->etc_mask, fds, &err) < 0) {
		answer.fd_mask = 0;
		snprintf(answer.failure, sizeof(answer.failure), "%s", err.msg);
	}
	for (unsigned i = 0; i < ETC_FILES; i++) {
		if (answer.fd_mask & BIT(i))
			open_fds[count++] = fds[i];
	}
	if (fd_send(init->fds.orders, &answer, sizeof(answer), open_fds, count, &lost) < 0)
		_exit(EXIT_LOST_AGENT);
	for (size_t i = 0; i < count; i++)
		close(open_fds[i]);
}

static void order_signal(const struct init *init, const struct container_message *message)
{
	for (size_t i = 0; i < init->count; i++) {
		if (init->children[i].id != message->id)
			continue;
		/* Just forked, it has no group of its own yet. */
		if (kill(-init->children[i].pid, message->signal) < 0)
			kill(init->children[i].pid, message->signal);
	}
}

static void order_stop(struct init *init)
{
	init->stopping = true;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	reap(init);
}

static void take_order(struct init *init)
{
	struct container_message message;
	int received[CONTAINER_FDS], fds[CONTAINER_FDS];
	size_t count = 0, next = 0;
	struct err err;

	if (fd_recv(init->fds.orders, &message, sizeof(message), received, CONTAINER_FDS, &count,
		    &err) != sizeof(message))
		_exit(EXIT_LOST_AGENT);
	for (unsigned i = 0; i < CONTAINER_FDS; i++)
		fds[i] = (message.fd_mask & BIT(i)) && next < count ? received[next++] : -1;
	switch ((enum container_order)message.order) {
	case CONTAINER_EXEC:
		if (message.payload_len > LIMIT_MESSAGE_TO_GUEST)
			_exit(EXIT_LOST_AGENT);
		order_exec(init, &message, fds);
		break;
	case CONTAINER_OPEN_ETC:
		order_open_etc(init);
		break;
	case CONTAINER_SIGNAL:
		order_signal(init, &message);
		break;
	case CONTAINER_STOP:
		order_stop(init);
		break;
	}
	for (size_t i = 0; i < count; i++)
		close(received[i]);
}

static ML_NORETURN void serve(struct init *init)
{
	struct pollfd polled[] = {
		{.fd = init->fds.orders, .events = POLLIN},
		{.fd = init->child_signal, .events = POLLIN},
	};

	for (;;) {
		if (poll(polled, ARRAY_SIZE(polled), -1) < 0)
			continue;
		if (polled[1].revents)
			reap(init);
		if (polled[0].revents)
			take_order(init);
	}
}

void container_init(const struct agent_setup *setup, struct container_init_fds fds)
{
	struct init init = {.fds = fds};
	const char ready = CONTAINER_READY;
	struct err err;

	close_others(&fds);
	if (set_up(&init, setup, &err) < 0) {
		struct err ignored;

		(void)fd_write_all(fds.ready, err.msg, strlen(err.msg), "agent", &ignored);
		_exit(1);
	}
	if (fd_write_all(fds.ready, &ready, 1, "agent", &err) < 0)
		_exit(1);
	close(fds.ready);
	serve(&init);
}
