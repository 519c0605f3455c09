// SPDX-License-Identifier: MIT
/*
 * The earlier program's history: see history_import.h.
 *
 * It runs once, as a migration, in the transaction of all migrations: either the records are there
 * and it is noted that they are, or the next opening tries again.
 * Failure modes: a second database that is damaged must not keep the first one from being used.
 */
#include "state/history_import.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/log.h"
#include "state/db.h"

#include <string.h>

enum { COLUMNS = 8 };

static int copy_record(struct db *db, struct db_query *from, struct err *err)
{
	struct db_value values[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		values[i] = db_text(db_column_text(from, i));
	values[1] = db_int(db_column_int(from, 1));
	return db_run(db, "INSERT OR IGNORE INTO vm_lifecycle VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		      values, COLUMNS, err);
}

static void warn(const struct err *err)
{
	log_warn("state", "the history of earlier sandboxes: %s", err->msg);
}

static int copy_records(struct db *db, struct db *old, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	struct err old_err;
	int got = db_select(old,
			    "SELECT vm_id, version, backend, phase, updated_at, last_error,"
			    " resources_json, cleanup_json FROM vm_lifecycle",
			    NULL, 0, &query, &old_err);

	while (got >= 0 && (got = db_next(&query, &old_err)) > 0) {
		if (copy_record(db, &query, err) < 0)
			return -1;
	}
	if (got < 0)
		warn(&old_err);
	return 0;
}

int history_import(struct db *db, const char *path, struct err *err)
{
	AUTO_FREE char *old_path =
		xasprintf("%.*s/vms/state.db", (int)(strrchr(path, '/') - path), path);
	AUTO(auto_db) struct db *old = NULL;
	struct err old_err;

	if (db_open_foreign(old_path, &old, &old_err) < 0) {
		if (old_err.code != ERR_NOT_FOUND)
			warn(&old_err);
		return 0;
	}
	if (copy_records(db, old, err) < 0)
		return -1;
	return db_run(db,
		      "INSERT INTO vm_lifecycle_head SELECT vm_id, max(version) FROM vm_lifecycle"
		      " WHERE true GROUP BY vm_id ON CONFLICT (vm_id) DO UPDATE"
		      " SET last_version = max(last_version, excluded.last_version)",
		      NULL, 0, err);
}
