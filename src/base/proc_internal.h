// SPDX-License-Identifier: MIT
/* Between the parent's half (proc.c) and the child's half (proc_child.c) of starting a process. */
#pragma once

#include "base/confine_internal.h"
#include "base/proc.h"

#include <signal.h>

enum {
	PROC_FDS_MAX = 256, /* descriptors given to one child */
	PROC_NOBODY = 65534,
	PROC_EXIT_UNSTARTED = 127, /* of a child that never reached its program */
};

/* What goes through the close-on-exec socket until exec closes it, a packet each: first the process
 * id of the final child if there was a second fork, then the listener of its seccomp filter (as a
 * descriptor) if it has one, then a failure if there was one. */
struct proc_report {
	pid_t pid;  /* of the final child, or 0 */
	int errnum; /* of the failure, or 0 */
	char step[40];
	char what[200];
};

/* All that the child needs, prepared before the fork. */
struct proc_plan {
	const struct proc_spec *spec;
	struct sock_fprog program; /* the seccomp filter, if the spec confines */
	char tmpfs_options[CONFINE_TMPFS_OPTIONS_SIZE];
	char uid_map[32], gid_map[32];
	bool become_nobody;
	int null_fd;
	int report_fd;
	int parent_fd; /* pidfd of the parent */
};

/* In the forked child, with all signals blocked: everything up to exec. */
ML_NORETURN void proc_child(const struct proc_plan *plan);

/* Also for proc_call(): default dispositions, nothing blocked. */
void proc_child_signals(void);
/* Die with the parent, whose pidfd this is; ends at once if it has gone already. */
void proc_child_tie(int parent_fd);

/* The step of a start that makes them. */
#define PROC_STEP_NAMESPACES "make namespaces"

/* Why this host may have refused namespaces at `step` with `errnum`, and the remedy; NULL if the
 * step and the number say enough. */
const char *proc_namespace_lock(const char *step, int errnum);
