// SPDX-License-Identifier: MIT
/* The descriptors of a new command: the agent's ends and the ones that are sent to it. */
#pragma once

#include "base/err.h"
#include "guest/container.h"

struct agent_exec;

/* Owned; -1 = none. */
struct session_ends {
	int ours[CONTAINER_FDS];   /* a terminal is in STDIN and STDOUT, by two descriptors */
	int theirs[CONTAINER_FDS]; /* with the directory of its control group */
	int pty;		   /* number of its terminal, or -1 */
};

#define SESSION_ENDS_NONE                                                                       \
	{                                                                                       \
		.ours = {-1, -1, -1, -1, -1, -1}, .theirs = {-1, -1, -1, -1, -1, -1}, .pty = -1 \
	}

/* Pipes or a terminal, as `exec` asks, and the control group of command `id`.  With `waits` also
 * the pipe for the arguments of a process that waits. */
int session_ends_make(const struct agent_exec *exec, unsigned id, bool waits,
		      struct session_ends *ends, struct err *err);
void session_ends_done(struct session_ends *ends);
