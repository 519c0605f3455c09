// SPDX-License-Identifier: MIT
/*
 * The rows of the user's sandboxes: see state.h.
 *
 * Happy path: the supervisor registers itself before it makes anything, sets the status when the
 * VM has ended, and removes the row if nobody wants it; other commands list and get.
 *
 * `vms` has exactly the columns of the system that we replace; what we know beyond them is in
 * `vm_owner`, of a migration module of our own so that its numbers cannot meet theirs.  The owner
 * of a row is one process of one boot: pid, start time and boot id; a row of another boot has
 * nobody who lives.  A row of the earlier program has no owner row, and its pid counts while it is
 * surely the process that wrote it.
 *
 * Failure modes: those of db.h.  A supervisor that was killed leaves its row as `running`; whoever
 * reads it finds that out and writes it down, with the reason in the history.
 */
#include "state/state.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "state/db.h"
#include "state/process.h"
#include "state/state_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_ID_SIZE = 37 };

static const struct db_migration vms_migrations[] = {
	{1, "create_vms",
	 "CREATE TABLE IF NOT EXISTS vms ("
	 " id TEXT PRIMARY KEY,"
	 " pid INTEGER NOT NULL DEFAULT 0,"
	 " status TEXT NOT NULL,"
	 " image TEXT NOT NULL DEFAULT '',"
	 " config_json BLOB,"
	 " created_at TEXT NOT NULL,"
	 " updated_at TEXT NOT NULL);"
	 "CREATE INDEX IF NOT EXISTS idx_vms_status ON vms(status);"
	 "CREATE INDEX IF NOT EXISTS idx_vms_created_at ON vms(created_at);"},
	{2, "create_subnet_allocations",
	 "CREATE TABLE IF NOT EXISTS subnet_allocations ("
	 " vm_id TEXT PRIMARY KEY,"
	 " octet INTEGER NOT NULL UNIQUE,"
	 " gateway_ip TEXT NOT NULL,"
	 " guest_ip TEXT NOT NULL,"
	 " subnet TEXT NOT NULL,"
	 " created_at TEXT NOT NULL);"
	 "CREATE INDEX IF NOT EXISTS idx_subnet_allocations_octet ON subnet_allocations(octet);"},
};

static const struct db_migration owner_migrations[] = {
	{1, "create_vm_owner",
	 "CREATE TABLE vm_owner ("
	 " vm_id TEXT PRIMARY KEY REFERENCES vms(id) ON DELETE CASCADE,"
	 " pid_start INTEGER NOT NULL,"
	 " boot_id TEXT NOT NULL,"
	 " remove INTEGER NOT NULL);"},
	{2, "add_name_labels_vmm_stop",
	 "ALTER TABLE vm_owner ADD COLUMN name TEXT;"
	 "ALTER TABLE vm_owner ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';"
	 "ALTER TABLE vm_owner ADD COLUMN vmm_pid INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm_owner ADD COLUMN vmm_start INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm_owner ADD COLUMN stop_grace_ms INTEGER;"
	 "CREATE UNIQUE INDEX idx_vm_owner_name ON vm_owner(name);"},
};

static const char *const status_names[] = {
	[SANDBOX_RUNNING] = "running",
	[SANDBOX_STOPPED] = "stopped",
	[SANDBOX_CRASHED] = "crashed",
};

/* What read_row() reads; ?1 is the id of this boot, ?2 an id or a name, NULL for all rows.
 * Fractions of a second have no trailing zeros: they do not sort as the text they are in. */
static const char rows_sql[] =
	"SELECT id, pid, CASE WHEN boot_id = ?1 THEN pid_start ELSE 0 END, boot_id IS NULL, remove,"
	" status, image, config_json, created_at, updated_at, name, labels,"
	" vmm_pid, CASE WHEN boot_id = ?1 THEN vmm_start ELSE 0 END"
	" FROM vms LEFT JOIN vm_owner ON vm_id = id"
	" WHERE ?2 IS NULL OR id = ?2 OR name = ?2"
	" ORDER BY substr(created_at, 1, 19) DESC, rtrim(substr(created_at, 20), 'Z') DESC,"
	" vms.rowid DESC";

int state_open(const char *state_home, struct state **ret_state, struct err *err)
{
	AUTO_FREE char *path = path_join(state_home, "state.db");
	const struct db_module modules[] = {
		{"state", vms_migrations, ARRAY_SIZE(vms_migrations)},
		{"owner", owner_migrations, ARRAY_SIZE(owner_migrations)},
		lifecycle_module,
	};
	const struct db_spec spec = {
		.path = path,
		.hint = "set MATCHLOCK_HOME to a directory that is",
		.modules = modules,
		.module_count = ARRAY_SIZE(modules),
		.busy_ms = DB_BUSY_MS,
	};
	struct db *db;

	if (db_open(&spec, &db, err) < 0)
		return -1;
	*ret_state = xcalloc(1, sizeof(**ret_state));
	(*ret_state)->db = db;
	return 0;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	db_free(state->db);
	free(state);
}

const char *sandbox_status_name(enum sandbox_status status)
{
	return status_names[status];
}

/* A word that is not ours is nothing to rely on: crashed. */
static enum sandbox_status status_from_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
		if (strcmp(name, status_names[i]) == 0)
			return (enum sandbox_status)i;
	}
	return SANDBOX_CRASHED;
}

void sandbox_row_done(struct sandbox_row *row)
{
	free(row->id);
	free(row->image);
	free(row->config_json);
	free(row->created_at);
	free(row->updated_at);
	free(row->name);
	json_decref(row->labels);
	*row = (struct sandbox_row){0};
}

void sandbox_rows_done(struct sandbox_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		sandbox_row_done(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct sandbox_rows){0};
}

/* Changes whenever the machine is started. */
static int boot_id(char ret_id[BOOT_ID_SIZE], struct err *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	if (fd_read_exact(fd, ret_id, BOOT_ID_SIZE - 1, path, err) < 0)
		return -1;
	ret_id[BOOT_ID_SIZE - 1] = '\0';
	return 0;
}

static int not_found(const char *id, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "VM %s not found", id);
}

/* Fails if another sandbox has the name. */
static int check_name(struct state *state, const char *name, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(state->db, "SELECT vm_id FROM vm_owner WHERE name = ?",
		      DB_VALUES(db_text(name)), &query, err) < 0)
		return -1;
	got = db_next(&query, err);
	if (got <= 0)
		return got;
	return err_set(err, ERR_INVALID,
		       "the name \"%s\" belongs to VM %s: choose another, or remove that one with "
		       "'matchlock rm %s'",
		       name, db_column_text(&query, 0), name);
}

static int insert_owner(struct state *state, const struct sandbox_row *row, struct err *err)
{
	AUTO_FREE char *labels = row->labels ? json_dumps(row->labels, JSON_COMPACT) : NULL;
	const char *name = row->name && *row->name ? row->name : NULL;
	char boot[BOOT_ID_SIZE];

	if (boot_id(boot, err) < 0 || (name && check_name(state, name, err) < 0))
		return -1;
	return db_run(state->db,
		      "INSERT INTO vm_owner (vm_id, pid_start, boot_id, remove, name, labels)"
		      " VALUES (?, ?, ?, ?, ?, ?)",
		      DB_VALUES(db_text(row->id), db_int((int64_t)row->pid_start), db_text(boot),
				db_int(row->remove), db_text(name),
				db_text(labels ? labels : "{}")),
		      err);
}

int state_register(struct state *state, const struct sandbox_row *row, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;
	char now[CLOCK_TEXT_SIZE];

	clock_now_text(now);
	if (db_begin(state->db, &change, err) < 0 ||
	    db_run(state->db,
		   "INSERT INTO vms (id, pid, status, image, config_json, created_at, updated_at)"
		   " VALUES (?, ?, 'running', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		   DB_VALUES(db_text(row->id), db_int(row->pid),
			     db_text(row->image ? row->image : ""), db_blob(row->config_json),
			     db_text(now), db_text(now)),
		   err) < 0)
		return -1;
	if (db_changes(state->db) == 0)
		return err_set(err, ERR_CONFLICT, "VM %s exists already", row->id);
	if (insert_owner(state, row, err) < 0 || lifecycle_start(state->db, row->id, err) < 0)
		return -1;
	return db_commit(&change, err);
}

int state_set_status(struct state *state, const char *id, enum sandbox_status status,
		     struct err *err)
{
	char now[CLOCK_TEXT_SIZE];

	clock_now_text(now);
	if (db_run(state->db,
		   "UPDATE vms SET status = ?1, updated_at = ?2,"
		   " pid = CASE WHEN ?1 = 'stopped' THEN 0 ELSE pid END WHERE id = ?3",
		   DB_VALUES(db_text(sandbox_status_name(status)), db_text(now), db_text(id)),
		   err) < 0)
		return -1;
	return db_changes(state->db) == 0 ? not_found(id, err) : 0;
}

int state_set_vmm(struct state *state, const char *id, pid_t pid, struct err *err)
{
	return db_run(state->db, "UPDATE vm_owner SET vmm_pid = ?, vmm_start = ? WHERE vm_id = ?",
		      DB_VALUES(db_int(pid), db_int((int64_t)process_start_time(pid)), db_text(id)),
		      err);
}

int state_set_stop_grace(struct state *state, const char *id, uint64_t ms, struct err *err)
{
	return db_run(state->db, "UPDATE vm_owner SET stop_grace_ms = ? WHERE vm_id = ?",
		      DB_VALUES(db_int((int64_t)ms), db_text(id)), err);
}

int state_get_stop_grace(struct state *state, const char *id, uint64_t *ret_ms, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(state->db,
		      "SELECT stop_grace_ms FROM vm_owner"
		      " WHERE vm_id = ? AND stop_grace_ms IS NOT NULL",
		      DB_VALUES(db_text(id)), &query, err) < 0)
		return -1;
	got = db_next(&query, err);
	if (got > 0)
		*ret_ms = (uint64_t)db_column_int(&query, 0);
	return got < 0 ? -1 : 0;
}

int state_remove(struct state *state, const char *id, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;

	if (db_begin(state->db, &change, err) < 0 ||
	    db_run(state->db, "DELETE FROM vms WHERE id = ?", DB_VALUES(db_text(id)), err) < 0)
		return -1;
	if (db_changes(state->db) == 0)
		return not_found(id, err);
	/* Its own, and what the earlier program has left of others. */
	if (db_run(state->db,
		   "DELETE FROM subnet_allocations WHERE vm_id NOT IN (SELECT id FROM vms)", NULL,
		   0, err) < 0)
		return -1;
	return db_commit(&change, err);
}

/* --- reading --- */

static json_t *labels_of(const char *text)
{
	json_t *labels = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(labels))
		return labels;
	json_decref(labels);
	return json_object();
}

static void read_row(struct db_query *query, struct sandbox_row *ret_row)
{
	bool foreign = db_column_int(query, 3) != 0;

	*ret_row = (struct sandbox_row){
		.id = xstrdup(db_column_text(query, 0)),
		.pid = (pid_t)db_column_int(query, 1),
		.pid_start = (uint64_t)db_column_int(query, 2),
		.remove = db_column_int(query, 4) != 0,
		.status = status_from_name(db_column_text(query, 5)),
		.image = xstrdup(db_column_text(query, 6)),
		.config_json = xstrdup(db_column_text(query, 7)),
		.created_at = xstrdup(db_column_text(query, 8)),
		.updated_at = xstrdup(db_column_text(query, 9)),
		.name = xstrdup(db_column_text(query, 10)),
		.labels = labels_of(db_column_text(query, 11)),
		.vmm_pid = (pid_t)db_column_int(query, 12),
		.vmm_start = (uint64_t)db_column_int(query, 13),
	};
	if (foreign)
		ret_row->pid_start = process_start_time_before(ret_row->pid, ret_row->created_at);
}

/* The rows as they are written; `id`: an id, a name, or NULL for all. */
static int read_rows(struct state *state, const char *id, struct sandbox_rows *ret_rows,
		     struct err *err)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(db_query_done) struct db_query query = {0};
	char boot[BOOT_ID_SIZE];
	int got;

	if (boot_id(boot, err) < 0 ||
	    db_select(state->db, rows_sql, DB_VALUES(db_text(boot), db_text(id)), &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0) {
		rows.rows = xreallocarray(rows.rows, rows.count + 1, sizeof(*rows.rows));
		read_row(&query, &rows.rows[rows.count++]);
	}
	if (got < 0)
		return -1;
	*ret_rows = rows;
	rows = (struct sandbox_rows){0};
	return 0;
}

/* True if the row says `running` and nobody runs it. */
static bool row_is_orphan(const struct sandbox_row *row)
{
	return row->status == SANDBOX_RUNNING && !process_alive(row->pid, row->pid_start);
}

static int mark_row(struct state *state, const struct sandbox_row *row, struct err *err)
{
	char now[CLOCK_TEXT_SIZE], why[96];

	clock_now_text(now);
	if (db_run(state->db,
		   "UPDATE vms SET status = 'crashed', updated_at = ?"
		   " WHERE id = ? AND status = 'running' AND pid = ?",
		   DB_VALUES(db_text(now), db_text(row->id), db_int(row->pid)), err) < 0)
		return -1;
	if (db_changes(state->db) == 0)
		return 0;
	snprintf(why, sizeof(why), "process %ld, which ran this sandbox, ended without stopping it",
		 (long)row->pid);
	return lifecycle_note(state->db, row->id, why, err);
}

/* Writes down which rows have lost their supervisor.  A row that its supervisor has changed since
 * we read it (stopped, removed) is left alone. */
static int mark_crashed(struct state *state, const struct sandbox_rows *rows, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;

	if (db_begin(state->db, &change, err) < 0)
		return -1;
	for (size_t i = 0; i < rows->count; i++) {
		if (row_is_orphan(&rows->rows[i]) && mark_row(state, &rows->rows[i], err) < 0)
			return -1;
	}
	return db_commit(&change, err);
}

/* What cannot be written down (a full disk, a database that is locked) is true all the same. */
static int show_crashed(struct state *state, const char *id, const struct err *why,
			struct sandbox_rows *ret_rows, struct err *err)
{
	log_warn("state", "crashed sandboxes: %s", why->msg);
	if (read_rows(state, id, ret_rows, err) < 0)
		return -1;
	for (size_t i = 0; i < ret_rows->count; i++) {
		if (row_is_orphan(&ret_rows->rows[i]))
			ret_rows->rows[i].status = SANDBOX_CRASHED;
	}
	return 0;
}

/* The rows as they are. */
static int find_rows(struct state *state, const char *id, struct sandbox_rows *ret_rows,
		     struct err *err)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	struct err mark_err;
	bool orphans = false;

	if (read_rows(state, id, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++)
		orphans |= row_is_orphan(&rows.rows[i]);
	if (orphans)
		return mark_crashed(state, &rows, &mark_err) < 0
			       ? show_crashed(state, id, &mark_err, ret_rows, err)
			       : read_rows(state, id, ret_rows, err);
	*ret_rows = rows;
	rows = (struct sandbox_rows){0};
	return 0;
}

int state_get(struct state *state, const char *id, struct sandbox_row *ret_row, struct err *err)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};

	if (find_rows(state, id, &rows, err) < 0)
		return -1;
	if (rows.count == 0)
		return not_found(id, err);
	*ret_row = rows.rows[0];
	rows.rows[0] = (struct sandbox_row){0};
	return 0;
}

int state_list(struct state *state, struct sandbox_rows *ret_rows, struct err *err)
{
	return find_rows(state, NULL, ret_rows, err);
}
