// SPDX-License-Identifier: MIT
/* What the files of state/ share. */
#pragma once

#include "base/err.h"
#include "state/db.h"

struct state {
	struct db *db;
};

extern const struct db_module lifecycle_module;

/* The first record of a sandbox, phase `creating`, as part of the caller's change. */
int lifecycle_start(struct db *db, const char *id, struct err *err);
/* A record that differs from the newest in its error only, as part of the caller's change. */
int lifecycle_note(struct db *db, const char *id, const char *error, struct err *err);
