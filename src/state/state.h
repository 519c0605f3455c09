// SPDX-License-Identifier: MIT
/*
 * The user's sandboxes, in STATE_HOME/state.db: one row each in `vms`, and an append-only history
 * in `vm_lifecycle`.  Every change is one transaction; many processes may use it at once.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct state;

/* Opens (and makes or migrates) the database below `state_home`.  Errors of this and of everything
 * below: state/db.h; a database that another process keeps locked for more than 15 s is
 * ERR_TIMEOUT.  A handle must not be carried over a fork. */
int state_open(const char *state_home, struct state **ret_state, struct err *err);
void state_free(struct state *state);
DEFINE_AUTO(state)

enum sandbox_status { SANDBOX_RUNNING, SANDBOX_STOPPED, SANDBOX_CRASHED };
const char *sandbox_status_name(enum sandbox_status status);

struct sandbox_row {
	char *id;
	pid_t pid;	    /* of the supervisor; 0 when stopped */
	uint64_t pid_start; /* its start time (state_process_start()), against pid reuse; reads as 0
			     * when the row is of an earlier boot */
	bool remove;	    /* --rm: nobody wants it after its end, gc removes it */
	enum sandbox_status status;
	char *image;
	char *config_json;
	char *created_at; /* RFC 3339 */
	char *updated_at;
};
void sandbox_row_done(struct sandbox_row *row);

struct sandbox_rows {
	struct sandbox_row *rows; /* newest first */
	size_t count;
};
void sandbox_rows_done(struct sandbox_rows *rows);

/* Adds the row of a sandbox that `row->pid` owns, status running, and the first record of its
 * lifecycle, phase creating.  Status, created_at and updated_at of `row` are not read.
 * ERR_CONFLICT if the id exists. */
int state_register(struct state *state, const struct sandbox_row *row, struct err *err);

/* Status and pid: `stopped` clears the pid, `crashed` keeps it. */
int state_set_status(struct state *state, const char *id, enum sandbox_status status,
		     struct err *err);

/* Deletes the row and what belongs to it; the lifecycle history stays.  Unknown id: ERR_NOT_FOUND.
 */
int state_remove(struct state *state, const char *id, struct err *err);

/* ERR_NOT_FOUND "VM ID not found".  Reads the row as it is. */
int state_get(struct state *state, const char *id, struct sandbox_row *ret_row, struct err *err);

/* All of them; a `running` row whose supervisor is gone is first changed to `crashed`. */
int state_list(struct state *state, struct sandbox_rows *ret_rows, struct err *err);

/* True if the process `pid` that started at `pid_start` still runs. */
bool state_process_alive(pid_t pid, uint64_t pid_start);
/* The start time of a process (field 22 of /proc/PID/stat); 0 if it does not exist or has ended. */
uint64_t state_process_start(pid_t pid);
