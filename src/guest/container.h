// SPDX-License-Identifier: MIT
/*
 * The one container of the VM, as the agent sees it: a PID, mount and cgroup namespace with a small
 * init that forks the commands.  Network, host name and IPC are the VM's own.
 *
 * The init is told what to start over a socket and reports over a pipe.  It is the container's PID
 * 1, so its end is the end of all in it.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "guest/etc_files.h"

#include <stdbool.h>

struct agent_setup;
struct container;

/* The descriptors of a command, as they go to the init; -1 = none. */
enum container_fd {
	CONTAINER_STATUS, /* a packed agent_failed comes here, or nothing once the command runs;
			   * before that CONTAINER_READY of a process that waits */
	CONTAINER_GO, /* a process that waits: its packed agent_exec comes here, up to the end */
	CONTAINER_CGROUP,
	CONTAINER_STDIN,
	CONTAINER_STDOUT,
	CONTAINER_STDERR,
	CONTAINER_FDS
};

#define CONTAINER_READY '\1'

struct container_exec {
	unsigned id;
	struct view request; /* packed agent_exec */
	int pty;	     /* number of its terminal below /dev/pts, or -1 */
	int fds[CONTAINER_FDS];
};

/* Starts it, with the disks of `setup` mounted and its groups made; returns once its root is
 * complete. */
int container_start(const struct agent_setup *setup, struct container **ret_container,
		    struct err *err);

/* The files below /etc that are ours, open for writing (guest/etc_files.h); -1: not ours. */
int container_open_etc(struct container *container, int ret_fds[ETC_FILES], struct err *err);

/* Readable when the init has ended; borrowed. */
int container_exit_fd(const struct container *container);
/* How it ended, in words; it is reaped. */
void container_describe_exit(struct container *container, char *ret_text, size_t size);

/* Asks for a command.  The descriptors stay the caller's.  How it goes is told by the status
 * descriptor, how it ends by a report with its id. */
int container_exec(struct container *container, const struct container_exec *exec, struct err *err);

/* `signal` to the command's process group; nothing once it has ended. */
int container_signal(struct container *container, unsigned id, int signal, struct err *err);

/* SIGTERM to all; the init ends once nothing is left. */
int container_stop(struct container *container, struct err *err);
/* SIGKILL to all. */
void container_kill(struct container *container);

/* Readable when there are reports; borrowed, non-blocking. */
int container_report_fd(const struct container *container);
/* The next report: which command ended, and its wait status.  False when there is none. */
bool container_next_report(struct container *container, unsigned *ret_id, int *ret_status);
