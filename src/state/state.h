// SPDX-License-Identifier: MIT
/*
 * The user's sandboxes, in STATE_HOME/state.db: one row each in `vms`, and an append-only history
 * in `vm_lifecycle`.  Every change is one transaction; many processes may use it at once.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <jansson.h>
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
	uint64_t pid_start; /* its start time (state/process.h), against pid reuse; reads as 0
			     * when the row is of an earlier boot */
	bool remove;	    /* --rm: nobody wants it after its end, gc removes it */
	enum sandbox_status status;
	char *image;
	char *config_json;
	char *created_at; /* RFC 3339 */
	char *updated_at;
	char *name;	/* "" = none */
	json_t *labels; /* an object of strings; NULL is an empty one for state_register() */
	pid_t vmm_pid;	/* 0 = none has been started */
	uint64_t vmm_start;
};
void sandbox_row_done(struct sandbox_row *row);

struct sandbox_rows {
	struct sandbox_row *rows; /* newest first */
	size_t count;
};
void sandbox_rows_done(struct sandbox_rows *rows);

/* Adds the row of a sandbox that `row->pid` owns, status running, and the first record of its
 * lifecycle, phase creating.  Status, times and VMM of `row` are not read.
 * ERR_CONFLICT if the id exists; ERR_INVALID if the name is taken. */
int state_register(struct state *state, const struct sandbox_row *row, struct err *err);

/* Status and pid: `stopped` clears the pid, `crashed` keeps it. */
int state_set_status(struct state *state, const char *id, enum sandbox_status status,
		     struct err *err);

/* Deletes the row and what belongs to it; the lifecycle history stays.  Unknown id: ERR_NOT_FOUND.
 */
int state_remove(struct state *state, const char *id, struct err *err);

/* Writes down which VMM runs for `id`, so that it is found if it should outlive its supervisor. */
int state_set_vmm(struct state *state, const char *id, pid_t pid, struct err *err);

/* What another process asks of the supervisor with SIGTERM: how long the guest's programs get for
 * their end.  Reading leaves *ret_ms as it is when nobody has asked. */
int state_set_stop_grace(struct state *state, const char *id, uint64_t ms, struct err *err);
int state_get_stop_grace(struct state *state, const char *id, uint64_t *ret_ms, struct err *err);

/* Finds by id or name: ERR_NOT_FOUND "VM ID not found".  A `running` row whose supervisor is gone
 * is first changed to `crashed`, with the reason in its history; where that cannot be written (a
 * full disk, a locked database) it reads as `crashed` all the same. */
int state_get(struct state *state, const char *id, struct sandbox_row *ret_row, struct err *err);

/* The same for all of them. */
int state_list(struct state *state, struct sandbox_rows *ret_rows, struct err *err);
