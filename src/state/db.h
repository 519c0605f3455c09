// SPDX-License-Identifier: MIT
/*
 * One SQLite database: opening by the conventions of all our databases (reference:
 * guest-images-lifecycle.md 4.3), numbered migrations, statements.  The only user of SQLite.
 *
 * Many processes use a database at once, each with a handle of its own; a handle is one connection,
 * is used by one thread, and must not be carried over a fork.  Reads see a consistent state; a
 * change is made between db_begin() and db_commit() and is there as a whole or not at all.
 *
 * Errors of every function: ERR_TIMEOUT when another process keeps the database locked too long;
 * ERR_UNAVAILABLE when the file system is full; ERR_DENIED when it cannot be written; ERR_IO when
 * it is damaged or not a database; ERR_CONFLICT for a row that exists;
 * ERR_LIMIT for a value over LIMIT_DB_VALUE.  The text names the file and the remedy.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct db;
struct sqlite3_stmt;

/* One step of a schema; `sql` may hold several statements. */
struct db_migration {
	int version; /* ascending within the module */
	const char *name;
	const char *sql;
	/* Instead of `sql`; gets the path of the database. */
	int (*run)(struct db *db, const char *path, struct err *err);
};

/* Who owns a set of tables.  Modules of one database are numbered independently. */
struct db_module {
	const char *name;
	const struct db_migration *migrations;
	size_t count;
};

enum { DB_BUSY_MS = 15000 };

/* All borrowed; `hint` must outlive the handle. */
struct db_spec {
	const char *path;
	const char *hint; /* what to do when `path` cannot be written: "set X to ..." */
	const struct db_module *modules;
	size_t module_count;
	unsigned busy_ms; /* how long to wait for other processes: DB_BUSY_MS */
};

/* Opens the database, made (with its directory, 0700) or migrated if need be.  A migration that
 * fails leaves the database as it was.  A file that is damaged or no database is kept under another
 * name, which the error (ERR_IO) tells: the next db_open() makes a new one. */
int db_open(const struct db_spec *spec, struct db **ret_db, struct err *err);

/* Opens a database of somebody else's as it is, to be read; ERR_NOT_FOUND. */
int db_open_foreign(const char *path, struct db **ret_db, struct err *err);
void db_free(struct db *db);
DEFINE_AUTO(db)

/* What a `?` of a statement stands for; text and bytes are borrowed during the call. */
struct db_value {
	enum { DB_VALUE_INT, DB_VALUE_TEXT, DB_VALUE_BLOB } type;
	int64_t integer;
	const char *text; /* NULL is NULL */
};
#define db_int(value)  ((struct db_value){.type = DB_VALUE_INT, .integer = (value)})
#define db_text(value) ((struct db_value){.type = DB_VALUE_TEXT, .text = (value)})
#define db_blob(value) ((struct db_value){.type = DB_VALUE_BLOB, .text = (value)})
#define DB_VALUES(...)                            \
	((const struct db_value[]){__VA_ARGS__}), \
		sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

/* Runs one statement that returns no rows. */
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count,
	   struct err *err);
/* Rows changed by the last db_run(). */
int64_t db_changes(struct db *db);

/* A statement that returns rows.  Start zeroed: `AUTO(db_query_done) struct db_query query = {0};`
 */
struct db_query {
	struct db *db;
	struct sqlite3_stmt *stmt;
};
int db_select(struct db *db, const char *sql, const struct db_value *values, size_t count,
	      struct db_query *query, struct err *err);
void db_query_done(struct db_query *query);

/* The next row: 1, 0 after the last, -1 with err. */
int db_next(struct db_query *query, struct err *err);
/* A column of the current row, from 0.  Text is borrowed until the next row; NULL reads as "". */
const char *db_column_text(struct db_query *query, int column);
int64_t db_column_int(struct db_query *query, int column);

/* A change of several statements, alone among writers; it must end before the handle is freed:
 *
 *	AUTO(db_rollback) struct db *change = NULL;
 *
 *	if (db_begin(db, &change, err) < 0 || db_run(db, ...) < 0)
 *		return -1;
 *	return db_commit(&change, err);
 */
int db_begin(struct db *db, struct db **ret_change, struct err *err);
int db_commit(struct db **change, struct err *err);
void db_rollback(struct db **change);
