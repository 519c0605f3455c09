// SPDX-License-Identifier: MIT
/*
 * The append-only history of each sandbox: see lifecycle.h.
 *
 * Every change reads the newest record, changes one thing and inserts the whole as the next
 * version, in one transaction; `vm_lifecycle_head` counts the versions.  Records are never changed
 * or deleted.
 *
 * Failure modes: those of db.h, and a move that `phase_next` does not allow.  JSON that cannot be
 * read (somebody edited the database) counts as empty, so that it cannot keep a sandbox from being
 * cleaned up.
 */
#include "state/lifecycle.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "state/db.h"
#include "state/history_import.h"
#include "state/state_internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char backend[] = "qemu";

static const struct db_migration lifecycle_migrations[] = {
	{1, "create_append_only_vm_lifecycle_table",
	 "CREATE TABLE IF NOT EXISTS vm_lifecycle ("
	 " vm_id TEXT NOT NULL,"
	 " version INTEGER NOT NULL,"
	 " backend TEXT NOT NULL DEFAULT '',"
	 " phase TEXT NOT NULL,"
	 " updated_at TEXT NOT NULL,"
	 " last_error TEXT NOT NULL DEFAULT '',"
	 " resources_json TEXT NOT NULL DEFAULT '{}',"
	 " cleanup_json TEXT NOT NULL DEFAULT '{}',"
	 " PRIMARY KEY (vm_id, version));"
	 "CREATE INDEX IF NOT EXISTS idx_vm_lifecycle_phase ON vm_lifecycle(phase);"
	 "CREATE INDEX IF NOT EXISTS idx_vm_lifecycle_vm_version"
	 " ON vm_lifecycle(vm_id, version DESC);"},
	{2, "create_vm_lifecycle_head",
	 "CREATE TABLE IF NOT EXISTS vm_lifecycle_head ("
	 " vm_id TEXT PRIMARY KEY,"
	 " last_version INTEGER NOT NULL);"},
	{3, "import_vms_state_db", NULL, history_import},
};

const struct db_module lifecycle_module = {
	"lifecycle",
	lifecycle_migrations,
	ARRAY_SIZE(lifecycle_migrations),
};

static const char *const phase_names[PHASE_COUNT] = {
#define X(name, text) [PHASE_##name] = (text),
	PHASE_LIST(X)
#undef X
};

/* Where each phase may go, besides to itself. */
static const unsigned phase_next[PHASE_COUNT] = {
	[PHASE_CREATING] = BIT(PHASE_CREATED) | BIT(PHASE_CREATE_FAILED) | BIT(PHASE_CLEANING),
	[PHASE_CREATED] = BIT(PHASE_STARTING) | BIT(PHASE_STOPPING) | BIT(PHASE_CLEANING),
	[PHASE_STARTING] = BIT(PHASE_RUNNING) | BIT(PHASE_START_FAILED) | BIT(PHASE_STOPPING) |
			   BIT(PHASE_CLEANING),
	[PHASE_RUNNING] = BIT(PHASE_STOPPING) | BIT(PHASE_CLEANING),
	[PHASE_STOPPING] = BIT(PHASE_STOPPED) | BIT(PHASE_STOP_FAILED) | BIT(PHASE_CLEANING),
	[PHASE_STOPPED] = BIT(PHASE_CLEANING) | BIT(PHASE_CLEANED),
	[PHASE_CLEANING] = BIT(PHASE_CLEANED) | BIT(PHASE_CLEANUP_FAILED),
	[PHASE_CREATE_FAILED] = BIT(PHASE_CLEANING) | BIT(PHASE_CLEANUP_FAILED),
	[PHASE_START_FAILED] =
		BIT(PHASE_STOPPING) | BIT(PHASE_CLEANING) | BIT(PHASE_CLEANUP_FAILED),
	[PHASE_STOP_FAILED] = BIT(PHASE_CLEANING) | BIT(PHASE_CLEANUP_FAILED),
	[PHASE_CLEANUP_FAILED] = BIT(PHASE_CLEANING) | BIT(PHASE_CLEANED),
	[PHASE_CLEANED] = 0,
};

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}

/* One record; `phase` is the text, since a database may hold one that we do not know. */
struct record {
	int64_t version;
	char *backend, *phase, *updated_at, *last_error;
	json_t *resources, *cleanup; /* objects */
};

static void record_done(struct record *record)
{
	free(record->backend);
	free(record->phase);
	free(record->updated_at);
	free(record->last_error);
	json_decref(record->resources);
	json_decref(record->cleanup);
	*record = (struct record){0};
}

/* What a sandbox without a record starts from. */
static void record_init(struct record *record)
{
	*record = (struct record){
		.backend = xstrdup(backend),
		.phase = xstrdup(phase_name(PHASE_CREATING)),
		.updated_at = xstrdup(""),
		.last_error = xstrdup(""),
		.resources = json_object(),
		.cleanup = json_object(),
	};
}

static json_t *object_from_text(const char *text)
{
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(object))
		return object;
	json_decref(object);
	return json_object();
}

static const char record_select_sql[] =
	"SELECT version, backend, phase, updated_at, last_error, resources_json, cleanup_json"
	" FROM vm_lifecycle WHERE vm_id = ?";

static void record_read(struct db_query *query, struct record *ret_record)
{
	*ret_record = (struct record){
		.version = db_column_int(query, 0),
		.backend = xstrdup(db_column_text(query, 1)),
		.phase = xstrdup(db_column_text(query, 2)),
		.updated_at = xstrdup(db_column_text(query, 3)),
		.last_error = xstrdup(db_column_text(query, 4)),
		.resources = object_from_text(db_column_text(query, 5)),
		.cleanup = object_from_text(db_column_text(query, 6)),
	};
}

/* The newest record: 1, 0 (and `ret_record` untouched) if there is none, -1 with err. */
static int record_newest(struct db *db, const char *id, struct record *ret_record, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("%s ORDER BY version DESC LIMIT 1", record_select_sql);
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(db, sql, DB_VALUES(db_text(id)), &query, err) < 0)
		return -1;
	got = db_next(&query, err);
	if (got > 0)
		record_read(&query, ret_record);
	return got;
}

/* Inserts `record` as the next version, within the caller's change. */
static int record_append(struct db *db, const char *id, const struct record *record,
			 struct err *err)
{
	AUTO_FREE char *resources = json_dumps(record->resources, JSON_COMPACT);
	AUTO_FREE char *cleanup = json_dumps(record->cleanup, JSON_COMPACT);
	char now[CLOCK_TEXT_SIZE];

	clock_now_text(now);
	if (db_run(db,
		   "INSERT INTO vm_lifecycle_head VALUES (?, 1)"
		   " ON CONFLICT (vm_id) DO UPDATE SET last_version = last_version + 1",
		   DB_VALUES(db_text(id)), err) < 0)
		return -1;
	return db_run(db,
		      "INSERT INTO vm_lifecycle (vm_id, version, backend, phase, updated_at,"
		      " last_error, resources_json, cleanup_json)"
		      " SELECT vm_id, last_version, ?2, ?3, ?4, ?5, ?6, ?7"
		      " FROM vm_lifecycle_head WHERE vm_id = ?1",
		      DB_VALUES(db_text(id), db_text(record->backend), db_text(record->phase),
				db_text(now), db_text(record->last_error), db_text(resources),
				db_text(cleanup)),
		      err);
}

int lifecycle_start(struct db *db, const char *id, struct err *err)
{
	AUTO(record_done) struct record record;

	record_init(&record);
	return record_append(db, id, &record, err);
}

/* Begins a change: reads the newest record, or the start if there is none. */
static int record_begin(struct db *db, const char *id, struct db **ret_change,
			struct record *ret_record, struct err *err)
{
	int got;

	if (db_begin(db, ret_change, err) < 0)
		return -1;
	got = record_newest(db, id, ret_record, err);
	if (got == 0)
		record_init(ret_record);
	return got < 0 ? -1 : 0;
}

/* A JSON string of any text: what is not UTF-8 (a path, a guest's last words) is shown as `?`. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);
	AUTO_FREE char *ascii = NULL;

	if (string)
		return string;
	ascii = xstrdup(text);
	for (char *p = ascii; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return json_string(ascii);
}

static void replace(char **text, const char *with)
{
	free(*text);
	*text = xstrdup(with);
}

static bool move_allowed(const char *from, enum phase to)
{
	if (!*from)
		from = phase_name(PHASE_CREATING);
	if (strcmp(from, phase_name(to)) == 0)
		return true;
	for (size_t i = 0; i < PHASE_COUNT; i++) {
		if (strcmp(from, phase_names[i]) == 0)
			return phase_next[i] & BIT(to);
	}
	return false;
}

int lifecycle_set_phase(struct state *state, const char *id, enum phase phase, const char *error,
			struct err *err)
{
	AUTO(record_done) struct record record = {0};
	AUTO(db_rollback) struct db *change = NULL;

	if (record_begin(state->db, id, &change, &record, err) < 0)
		return -1;
	if (!move_allowed(record.phase, phase))
		return err_set(err, ERR_INVALID,
			       "invalid lifecycle phase transition \"%s\" -> \"%s\"", record.phase,
			       phase_name(phase));
	replace(&record.phase, phase_name(phase));
	replace(&record.last_error, error ? error : "");
	if (record_append(state->db, id, &record, err) < 0)
		return -1;
	return db_commit(&change, err);
}

int lifecycle_note(struct db *db, const char *id, const char *error, struct err *err)
{
	AUTO(record_done) struct record record = {0};
	int got = record_newest(db, id, &record, err);

	if (got < 0)
		return -1;
	if (got == 0)
		record_init(&record);
	replace(&record.last_error, error);
	return record_append(db, id, &record, err);
}

int lifecycle_set_resource(struct state *state, const char *id, const char *key, const char *value,
			   struct err *err)
{
	AUTO(record_done) struct record record = {0};
	AUTO(db_rollback) struct db *change = NULL;

	if (record_begin(state->db, id, &change, &record, err) < 0)
		return -1;
	json_object_set_new(record.resources, key, string_of(value));
	if (record_append(state->db, id, &record, err) < 0)
		return -1;
	return db_commit(&change, err);
}

int lifecycle_set_cleanup(struct state *state, const char *id, const char *step, const char *error,
			  struct err *err)
{
	AUTO(record_done) struct record record = {0};
	AUTO(db_rollback) struct db *change = NULL;
	json_t *entry = json_object();
	char now[CLOCK_TEXT_SIZE];

	clock_now_text(now);
	json_object_set_new(entry, "status", json_string(error ? "error" : "ok"));
	if (error)
		json_object_set_new(entry, "error", string_of(error));
	json_object_set_new(entry, "updated_at", json_string(now));
	if (record_begin(state->db, id, &change, &record, err) < 0) {
		json_decref(entry);
		return -1;
	}
	json_object_set_new(record.cleanup, step, entry);
	if (record_append(state->db, id, &record, err) < 0)
		return -1;
	return db_commit(&change, err);
}

/* The object that inspect shows. */
static json_t *record_to_json(const struct record *record, const char *id)
{
	json_t *object = json_object();

	json_object_set_new(object, "version", json_integer(record->version));
	json_object_set_new(object, "vm_id", string_of(id));
	if (*record->backend)
		json_object_set_new(object, "backend", string_of(record->backend));
	json_object_set_new(object, "phase", string_of(record->phase));
	json_object_set_new(object, "updated_at", string_of(record->updated_at));
	if (*record->last_error)
		json_object_set_new(object, "last_error", string_of(record->last_error));
	json_object_set(object, "resources", record->resources);
	if (json_object_size(record->cleanup) > 0)
		json_object_set(object, "cleanup", record->cleanup);
	return object;
}

int lifecycle_get(struct state *state, const char *id, json_t **ret_record, struct err *err)
{
	AUTO(record_done) struct record record = {0};
	int got = record_newest(state->db, id, &record, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_NOT_FOUND, "VM %s has no lifecycle record", id);
	*ret_record = record_to_json(&record, id);
	return 0;
}

int lifecycle_history(struct state *state, const char *id, json_t **ret_array, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("%s ORDER BY version", record_select_sql);
	AUTO(db_query_done) struct db_query query = {0};
	json_t *array;
	int got;

	if (db_select(state->db, sql, DB_VALUES(db_text(id)), &query, err) < 0)
		return -1;
	array = json_array();
	while ((got = db_next(&query, err)) > 0) {
		AUTO(record_done) struct record record = {0};

		record_read(&query, &record);
		json_array_append_new(array, record_to_json(&record, id));
	}
	if (got < 0) {
		json_decref(array);
		return -1;
	}
	*ret_array = array;
	return 0;
}
