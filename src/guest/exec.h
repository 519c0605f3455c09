// SPDX-License-Identifier: MIT
/* From a forked child of the container's init to the user's command. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "guest/container.h"

struct exec_task {
	struct view request; /* packed agent_exec */
	int pty;	     /* number below /dev/pts, or -1 */
	int fds[CONTAINER_FDS];
};

/* In the child: becomes the command.  What fails is written to the status descriptor. */
ML_NORETURN void exec_child(const struct exec_task *task);

/* Writes a packed agent_failed to a status descriptor. */
void exec_fail(int status_fd, unsigned exit_code, const struct err *err);
