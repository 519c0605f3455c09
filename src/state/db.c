// SPDX-License-Identifier: MIT
/*
 * SQLite: see db.h.
 *
 * Happy path of opening: the directory and the file are made, and under the lock of
 * `<db>.init.lock` (so that of many first users one makes the schema) the connection is set up and
 * pending migrations are run.  Later statements rely on SQLite's own locks, with its busy handler
 * as the deadline; every change begins IMMEDIATE, so that two writers wait for each other instead
 * of failing half-way.
 *
 * Migrations: a copy is kept at `<db>.premigrate.bak` while they run, and all that are pending run
 * in one transaction.  A failure is therefore undone by SQLite and not by putting the copy back:
 * other processes may have the database open, and a file that is replaced under them would lose
 * what they write.  The copy is for the case that this machine dies in between.
 *
 * Failure modes: db_fail() turns SQLite's codes into what a user can do about them.
 */
#include "state/db.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/path.h"
#include "state/lock_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct db {
	sqlite3 *handle;
	char *path;
	const char *hint;
	unsigned busy_ms;
};

static const char setup_sql[] = "PRAGMA foreign_keys = ON;"
				"PRAGMA synchronous = NORMAL;"
				"PRAGMA journal_mode = WAL;";

static const char migrations_table_sql[] =
	"CREATE TABLE IF NOT EXISTS schema_migrations ("
	" module TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,"
	" applied_at TEXT NOT NULL, PRIMARY KEY (module, version))";

static int fail_full(struct db *db, struct err *err)
{
	err_set_(err, ERR_UNAVAILABLE,
		 "database '%s': no space left: free some and try again (nothing was changed)",
		 db->path);
	err->sys = ENOSPC;
	return -1;
}

static int fail_denied(const char *path, const char *why, const char *hint, struct err *err)
{
	return err_set(err, ERR_DENIED,
		       "database '%s' cannot be written (%s): make it and its directory writable, "
		       "or %s",
		       path, why, hint);
}

static bool errno_is_full(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT;
}

static bool errno_is_denied(int errnum)
{
	return errnum == EACCES || errnum == EPERM || errnum == EROFS;
}

/* A system call of SQLite's failed. */
static int fail_system(struct db *db, struct err *err)
{
	int errnum = sqlite3_system_errno(db->handle);

	if (errno_is_full(errnum))
		return fail_full(db, err);
	if (errno_is_denied(errnum))
		return fail_denied(db->path, strerror(errnum), db->hint, err);
	if (errnum)
		return err_sys(err, errnum, "database '%s': %s", db->path,
			       sqlite3_errmsg(db->handle));
	return err_set(err, ERR_IO, "database '%s': %s", db->path, sqlite3_errmsg(db->handle));
}

/* The last call on this connection failed with `code`. */
static int db_fail(struct db *db, int code, struct err *err)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_TIMEOUT,
			       "database '%s' is locked by another process for more than %u s: end "
			       "that process ('fuser' names it) and try again",
			       db->path, (db->busy_ms + 999) / 1000);
	case SQLITE_FULL:
		return fail_full(db, err);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return fail_denied(db->path, sqlite3_errmsg(db->handle), db->hint, err);
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return fail_system(db, err);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, ERR_IO,
			       "database '%s' is damaged (%s): it was left as it is; move it aside "
			       "and try again",
			       db->path, sqlite3_errmsg(db->handle));
	case SQLITE_CONSTRAINT:
		return err_set(err, ERR_CONFLICT, "database '%s': %s", db->path,
			       sqlite3_errmsg(db->handle));
	case SQLITE_TOOBIG:
		return err_set(err, ERR_LIMIT, "database '%s': a value is larger than %d bytes",
			       db->path, LIMIT_DB_VALUE);
	default:
		return err_set(err, ERR_IO, "database '%s': %s", db->path,
			       sqlite3_errmsg(db->handle));
	}
}

/* Statements without values or rows. */
static int db_exec(struct db *db, const char *sql, struct err *err)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_fail(db, code, err);
}

void db_free(struct db *db)
{
	if (!db)
		return;
	sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

static int bind_value(sqlite3_stmt *stmt, int at, const struct db_value *value)
{
	switch (value->type) {
	case DB_VALUE_INT:
		return sqlite3_bind_int64(stmt, at, value->integer);
	case DB_VALUE_TEXT:
		return sqlite3_bind_text(stmt, at, value->text, -1, SQLITE_STATIC);
	case DB_VALUE_BLOB:
		return sqlite3_bind_blob64(stmt, at, value->text,
					   value->text ? strlen(value->text) : 0, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

int db_select(struct db *db, const char *sql, const struct db_value *values, size_t count,
	      struct db_query *query, struct err *err)
{
	int code;

	assert(!query->stmt);
	query->db = db;
	code = sqlite3_prepare_v2(db->handle, sql, -1, &query->stmt, NULL);
	for (size_t i = 0; i < count && code == SQLITE_OK; i++)
		code = bind_value(query->stmt, (int)i + 1, &values[i]);
	return code == SQLITE_OK ? 0 : db_fail(db, code, err);
}

void db_query_done(struct db_query *query)
{
	sqlite3_finalize(query->stmt);
	query->stmt = NULL;
}

int db_next(struct db_query *query, struct err *err)
{
	int code = sqlite3_step(query->stmt);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : db_fail(query->db, code, err);
}

const char *db_column_text(struct db_query *query, int column)
{
	const unsigned char *text = sqlite3_column_text(query->stmt, column);

	return text ? (const char *)text : "";
}

int64_t db_column_int(struct db_query *query, int column)
{
	return sqlite3_column_int64(query->stmt, column);
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count,
	   struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};

	/* SQLITE_STATIC values live until the statement is finalized, which is before we return. */
	if (db_select(db, sql, values, count, &query, err) < 0)
		return -1;
	return db_next(&query, err) < 0 ? -1 : 0;
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

int db_begin(struct db *db, struct db **ret_change, struct err *err)
{
	if (db_exec(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	*ret_change = db;
	return 0;
}

int db_commit(struct db **change, struct err *err)
{
	if (db_exec(*change, "COMMIT", err) < 0)
		return -1;
	*change = NULL;
	return 0;
}

void db_rollback(struct db **change)
{
	/* After some errors SQLite has rolled back by itself. */
	if (*change && !sqlite3_get_autocommit((*change)->handle))
		sqlite3_exec((*change)->handle, "ROLLBACK", NULL, NULL, NULL);
	*change = NULL;
}

/* The first column of the first row as a number; 0 without rows. */
static int select_int(struct db *db, const char *sql, const struct db_value *values, size_t count,
		      int64_t *ret_value, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(db, sql, values, count, &query, err) < 0)
		return -1;
	got = db_next(&query, err);
	if (got < 0)
		return -1;
	*ret_value = got ? db_column_int(&query, 0) : 0;
	return 0;
}

/* How many migrations have not been run, or -1. */
static int pending_count(struct db *db, const struct db_spec *spec, struct err *err)
{
	int64_t table, applied;
	int pending = 0;

	if (select_int(db, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'",
		       NULL, 0, &table, err) < 0)
		return -1;
	for (size_t m = 0; m < spec->module_count; m++) {
		const struct db_module *module = &spec->modules[m];

		for (size_t i = 0; i < module->count; i++) {
			assert(i == 0 ||
			       module->migrations[i].version > module->migrations[i - 1].version);
			applied = 0;
			if (table && select_int(db,
						"SELECT count(*) FROM schema_migrations"
						" WHERE module = ? AND version = ?",
						DB_VALUES(db_text(module->name),
							  db_int(module->migrations[i].version)),
						&applied, err) < 0)
				return -1;
			pending += !applied;
		}
	}
	return pending;
}

/* Runs one migration unless it has been run. */
static int migration_run(struct db *db, const struct db_module *module,
			 const struct db_migration *migration, struct err *err)
{
	char now[CLOCK_TEXT_SIZE];

	clock_now_text(now);
	if (db_run(db, "INSERT OR IGNORE INTO schema_migrations VALUES (?, ?, ?, ?)",
		   DB_VALUES(db_text(module->name), db_int(migration->version),
			     db_text(migration->name), db_text(now)),
		   err) < 0)
		return -1;
	if (db_changes(db) == 0)
		return 0;
	if ((migration->run ? migration->run(db, db->path, err)
			    : db_exec(db, migration->sql, err)) < 0)
		return err_wrap(err, "migration %s %d (%s)", module->name, migration->version,
				migration->name);
	return 0;
}

static int migrations_run(struct db *db, const struct db_spec *spec, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;

	if (db_begin(db, &change, err) < 0 || db_exec(db, migrations_table_sql, err) < 0)
		return -1;
	for (size_t m = 0; m < spec->module_count; m++) {
		const struct db_module *module = &spec->modules[m];

		for (size_t i = 0; i < module->count; i++) {
			if (migration_run(db, module, &module->migrations[i], err) < 0)
				return -1;
		}
	}
	return db_commit(&change, err);
}

/* Copies the database to the new file `backup`. */
static int backup_make(struct db *db, const char *backup, struct err *err)
{
	AUTO_FD int fd = -1;

	unlink(backup);
	/* VACUUM INTO takes an empty file as it is: so the copy is as private as the original. */
	fd = open(backup, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "create '%s'", backup);
	if (db_run(db, "VACUUM INTO ?", DB_VALUES(db_text(backup)), err) < 0) {
		unlink(backup);
		return -1;
	}
	return 0;
}

static int migrate(struct db *db, const struct db_spec *spec, struct err *err)
{
	AUTO_FREE char *backup = xasprintf("%s.premigrate.bak", spec->path);
	int pending = pending_count(db, spec, err);
	int64_t tables;
	int result;

	if (pending <= 0)
		return pending;
	if (select_int(db, "SELECT count(*) FROM sqlite_master", NULL, 0, &tables, err) < 0)
		return -1;
	if (tables && backup_make(db, backup, err) < 0)
		return err_wrap(err, "backup before migration");
	result = migrations_run(db, spec, err);
	unlink(backup);
	return result;
}

/* The directory, the lock, the file: everything but SQLite. */
static int files_prepare(const struct db_spec *spec, int *ret_lock, struct err *err)
{
	AUTO_FREE char *dir = xstrdup(spec->path);
	AUTO_FREE char *lock_path = xasprintf("%s.init.lock", spec->path);
	AUTO_FD int lock = -1, fd = -1;
	char *slash = strrchr(dir, '/');

	assert(slash);
	*slash = '\0';
	if (path_mkdirs(dir, 0700, err) < 0 ||
	    lock_file_acquire(lock_path, spec->busy_ms, &lock, err) < 0)
		return -1;
	/* SQLite would make it readable for all; its -wal and -shm take over the mode.  Never open
	 * a file that is there: closing it again would drop the locks of this process's other
	 * handles. */
	fd = open(spec->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return err_sys(err, errno, "create '%s'", spec->path);
	*ret_lock = STEAL_FD(lock);
	return 0;
}

static int connect(const char *path, const char *hint, unsigned busy_ms, struct db **ret_db,
		   struct err *err)
{
	AUTO(auto_db) struct db *db = xcalloc(1, sizeof(*db));
	int code;

	*db = (struct db){NULL, xstrdup(path), hint, busy_ms};
	code = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE,
			       NULL);
	if (code != SQLITE_OK)
		return db_fail(db, code, err);
	sqlite3_busy_timeout(db->handle, (int)busy_ms);
	sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, LIMIT_DB_VALUE);
	/* The last one to close would sync twice, which costs a short run 20 ms: the log is merged
	 * when it has grown instead, by whoever writes then. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	*ret_db = STEAL(db);
	return 0;
}

int db_open_foreign(const char *path, struct db **ret_db, struct err *err)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "database '%s' does not exist", path);
	return connect(path, "its owner's rights", DB_BUSY_MS, ret_db, err);
}

static bool is_damaged(struct db *db)
{
	int code = sqlite3_errcode(db->handle) & 0xff;

	return code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

/* Keeps a damaged database, with the files that SQLite has beside it, under a name of its own. */
static int set_aside(const char *path, struct err *err)
{
	static const char *const suffixes[] = {"-wal", "-shm", ""};
	struct err damage = *err;
	char now[CLOCK_TEXT_SIZE];
	AUTO_FREE char *kept = NULL;

	clock_now_text(now);
	kept = xasprintf("%s.damaged-%s", path, now);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		AUTO_FREE char *from = xasprintf("%s%s", path, suffixes[i]);
		AUTO_FREE char *to = xasprintf("%s%s", kept, suffixes[i]);

		if (rename(from, to) < 0 && errno != ENOENT)
			return err_sys(err, errno, "%s; keep it as '%s'", damage.msg, to);
	}
	return err_set(err, ERR_IO,
		       "database '%s' is damaged: it was kept as '%s', and the next command makes "
		       "a new one",
		       path, kept);
}

int db_open(const struct db_spec *spec, struct db **ret_db, struct err *err)
{
	AUTO(auto_db) struct db *db = NULL;
	AUTO_FD int lock = -1;

	if (files_prepare(spec, &lock, err) < 0) {
		if (errno_is_denied(err->sys))
			return fail_denied(spec->path, strerror(err->sys), spec->hint, err);
		return err_wrap(err, "database '%s'", spec->path);
	}
	if (connect(spec->path, spec->hint, spec->busy_ms, &db, err) < 0)
		return -1;
	if (db_exec(db, setup_sql, err) == 0 && migrate(db, spec, err) == 0) {
		*ret_db = STEAL(db);
		return 0;
	}
	if (!is_damaged(db))
		return -1;
	db_free(STEAL(db));
	return set_aside(spec->path, err);
}
