// SPDX-License-Identifier: MIT
/* The history that the earlier program kept in a second database, vms/state.db. */
#pragma once

#include "base/err.h"

struct db;

/* A migration: copies those records into `db`, which lies at `path`; the old file stays.  Success
 * when there is none; one that cannot be read is told as a warning and left out. */
int history_import(struct db *db, const char *path, struct err *err);
