// SPDX-License-Identifier: MIT
/* Clearing what a supervisor that was killed has left behind. */
#pragma once

#include "base/err.h"
#include "state/state.h"

/* Clears the leftovers of one sandbox that does not run: its disks, and with --rm also its
 * directory and its row.  *ret_cleaned: the names of what was removed, sorted, joined by ", "
 * (malloc'ed; "" when there was nothing). */
int gc_sandbox(struct state *state, const char *state_home, const struct sandbox_row *row,
	       char **ret_cleaned, struct err *err);

/* Clears every crashed --rm sandbox; what cannot be cleared stays for `gc` to report. */
void gc_crashed(struct state *state, const char *state_home);
