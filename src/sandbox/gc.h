// SPDX-License-Identifier: MIT
/*
 * Clearing what sandboxes that have ended left behind.  The caller has looked at the row's status:
 * nothing here asks whether the sandbox runs.
 */
#pragma once

#include "base/err.h"
#include "state/state.h"

/* Clears the leftovers of one sandbox that does not run: its VMM, its disks, and with --rm also its
 * directory and its row.  *ret_cleaned: the names of what was removed, sorted, joined by ", "
 * (malloc'ed; "" when there was nothing). */
int gc_sandbox(struct state *state, const char *state_home, const struct sandbox_row *row,
	       char **ret_cleaned, struct err *err);

/* The same, and always removes directory and row.  One that somebody else removes at the same time
 * is ERR_NOT_FOUND. */
int gc_remove(struct state *state, const char *state_home, const struct sandbox_row *row,
	      struct err *err);

/* Clears every crashed --rm sandbox; what cannot be cleared stays for `gc` to report. */
void gc_crashed(struct state *state, const char *state_home);

/* Removes the directories of sandboxes that no row tells of (a database that was damaged, and made
 * anew) and that nobody runs.  *ret_ids: which, NULL-ended; NULL when there are none. */
int gc_strays(struct state *state, const char *state_home, char ***ret_ids, struct err *err);

/* The directory STATE_HOME/vms/ID, malloc'ed.  ERR_INVALID for an id (of a damaged or edited
 * database) that could be another path. */
int gc_directory(const char *state_home, const char *id, char **ret_dir, struct err *err);
