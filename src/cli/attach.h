// SPDX-License-Identifier: MIT
/* A command in the sandbox of another process, at descriptors of this one. */
#pragma once

#include "base/err.h"
#include "wire/agent.h"

/* Asks the supervisor at `sock` (control_connect()) for the command and waits for its end; the
 * terminal at stdio[0] becomes raw for AGENT_EXEC_TTY, and is restored.  SIGINT, SIGTERM and SIGHUP
 * give the command up: ERR_CANCELLED; SIGUSR1 and SIGUSR2 are passed on to it.  *ret_exit_code is
 * the command's, also with an error: 126 and 127 when the guest could not run it. */
int attach(int sock, const struct agent_exec *exec, const int stdio[3], int *ret_exit_code,
	   struct err *err);
