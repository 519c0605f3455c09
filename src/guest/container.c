// SPDX-License-Identifier: MIT
/*
 * The agent's side of the container: see container.h.  The init is a copy of this process in new
 * namespaces, without an exec.
 *
 * Failure modes: the init cannot set itself up and says why, or dies before it could; an order
 * cannot be sent because it is dead (its exit descriptor tells).
 */
#include "guest/container.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "guest/container_internal.h"
#include "guest/fs.h"
#include "guest/layout.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct container {
	int pidfd;
	int orders;
	int reports;
};

/* The terminals: an instance of the container's own, reached by the agent for the masters. */
static const struct fs_mount terminals = {
	.source = "devpts",
	.target = GUEST_PTS,
	.type = "devpts",
	.flags = MS_NOSUID | MS_NOEXEC,
	.data = "newinstance,ptmxmode=0666,mode=0620,gid=5",
};

static int await_ready(int fd, struct err *err)
{
	char text[sizeof(err->msg)];
	ssize_t got;

	do
		got = read(fd, text, sizeof(text) - 1);
	while (got < 0 && errno == EINTR);
	if (got == 1 && text[0] == CONTAINER_READY)
		return 0;
	text[MAX(got, 0)] = '\0';
	return err_set(err, ERR_IO, "container: %s", got > 0 ? text : "its init died");
}

int container_start(const struct agent_setup *setup, struct container **ret_container,
		    struct err *err)
{
	int orders[2] = {-1, -1}, reports[2] = {-1, -1}, ready[2] = {-1, -1}, pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	struct container *container;
	AUTO_FD int ready_fd = -1;
	long pid;

	if (fs_mount_all(&terminals, 1, err) < 0 || fd_socketpair(orders, err) < 0)
		return -1;
	if (pipe2(reports, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    fd_set_nonblock(reports[0], true, err) < 0)
		return err_sys(err, errno, "pipe to the container");
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return err_sys(err, errno, "new namespaces for the container");
	if (pid == 0)
		container_init(setup, (struct container_init_fds){orders[1], reports[1], ready[1]});
	ready_fd = ready[0];
	close(orders[1]);
	close(reports[1]);
	close(ready[1]);
	container = xcalloc(1, sizeof(*container));
	*container = (struct container){.pidfd = pidfd, .orders = orders[0], .reports = reports[0]};
	*ret_container = container;
	return await_ready(ready_fd, err);
}

int container_open_etc(struct container *container, int ret_fds[ETC_FILES], struct err *err)
{
	const struct container_message message = {.order = CONTAINER_OPEN_ETC};
	struct container_answer answer;
	int fds[ETC_FILES];
	size_t count = 0, next = 0;

	if (fd_send(container->orders, &message, sizeof(message), NULL, 0, err) < 0)
		return -1;
	if (fd_recv(container->orders, &answer, sizeof(answer), fds, ETC_FILES, &count, err) !=
	    sizeof(answer))
		return err_set(err, ERR_IO, "the container's init gave no answer");
	for (unsigned i = 0; i < ETC_FILES; i++)
		ret_fds[i] = (answer.fd_mask & BIT(i)) && next < count ? fds[next++] : -1;
	return answer.failure[0] ? err_set(err, ERR_IO, "container: %s", answer.failure) : 0;
}

int container_exit_fd(const struct container *container)
{
	return container->pidfd;
}

void container_describe_exit(struct container *container, char *ret_text, size_t size)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)container->pidfd, &info, WEXITED) < 0)
		snprintf(ret_text, size, "unknown: %s", strerror(errno));
	else if (info.si_code == CLD_EXITED)
		snprintf(ret_text, size, "exit status %d", info.si_status);
	else
		snprintf(ret_text, size, "killed by signal %d", info.si_status);
}

int container_exec(struct container *container, const struct container_exec *exec, struct err *err)
{
	struct container_message message = {
		.order = CONTAINER_EXEC,
		.id = exec->id,
		.pty = exec->pty,
		.payload_len = (uint32_t)exec->request.len,
	};
	int fds[CONTAINER_FDS];
	size_t count = 0;

	for (unsigned i = 0; i < CONTAINER_FDS; i++) {
		if (exec->fds[i] < 0)
			continue;
		message.fd_mask |= BIT(i);
		fds[count++] = exec->fds[i];
	}
	if (fd_send(container->orders, &message, sizeof(message), fds, count, err) < 0)
		return -1;
	return fd_write_all(container->orders, exec->request.ptr, exec->request.len,
			    "the container's init", err);
}

int container_signal(struct container *container, unsigned id, int signal, struct err *err)
{
	struct container_message message = {.order = CONTAINER_SIGNAL, .id = id, .signal = signal};

	return fd_send(container->orders, &message, sizeof(message), NULL, 0, err);
}

int container_stop(struct container *container, struct err *err)
{
	struct container_message message = {.order = CONTAINER_STOP};

	return fd_send(container->orders, &message, sizeof(message), NULL, 0, err);
}

void container_kill(struct container *container)
{
	syscall(SYS_pidfd_send_signal, container->pidfd, SIGKILL, NULL, 0);
}

int container_report_fd(const struct container *container)
{
	return container->reports;
}

bool container_next_report(struct container *container, unsigned *ret_id, int *ret_status)
{
	struct container_report report;

	if (read(container->reports, &report, sizeof(report)) != sizeof(report))
		return false;
	*ret_id = report.id;
	*ret_status = report.wait_status;
	return true;
}
