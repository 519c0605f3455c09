// SPDX-License-Identifier: MIT
/* A sandbox that another process owns, ended from here: `kill`, `stop`, `gc`. */
#pragma once

#include "base/err.h"
#include "state/state.h"

#include <stdbool.h>

/* Asks the supervisor to end and clean up (SIGTERM) and does not wait.  Without a supervisor, a VMM
 * that it has left behind is ended.  ERR_CONFLICT "VM ID is not running". */
int remote_kill(const struct sandbox_row *row, struct err *err);

/* The same with `grace_ms` for the guest's programs, and waits for the end.  A supervisor that does
 * not end in time is killed, and *ret_killed set: what it left is for gc_sandbox(). */
int remote_stop(struct state *state, const struct sandbox_row *row, uint64_t grace_ms,
		bool *ret_killed, struct err *err);

/* Kills a VMM that has outlived its supervisor: 1, or 0 when there is none. */
int remote_end_vmm(const struct sandbox_row *row, struct err *err);
