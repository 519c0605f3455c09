// SPDX-License-Identifier: MIT
/* The rows of sandboxes: what is kept, who counts as alive, many processes at once. */
#include "state/state.h"

#include "state/db.h"
#include "state/lifecycle.h"
#include "state/process.h"
#include "state/state_internal.h"
#include "state/test_home.h"

#include <signal.h>

static int add(struct state *state, const char *id, pid_t pid, uint64_t start, struct err *err)
{
	const struct sandbox_row row = {
		.id = (char *)id,
		.pid = pid,
		.pid_start = start,
		.remove = true,
		.image = (char *)"matchlock/base",
		.config_json = (char *)"{\"id\":1}",
	};

	return state_register(state, &row, err);
}

static int add_own(struct state *state, const char *id, struct err *err)
{
	return add(state, id, getpid(), process_start_time(getpid()), err);
}

static enum sandbox_status status_of(struct state *state, const char *id)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	struct err err;

	CHECK(state_get(state, id, &row, &err) == 0);
	return row.status;
}

static void sql(struct state *state, const char *text)
{
	struct err err = {0};

	CHECK(db_run(state->db, text, NULL, 0, &err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
}

/* "name type notnull default pk" of every column, and the indexes. */
static void check_schema(struct state *state, const char *table, const char *want)
{
	AUTO(db_query_done) struct db_query query = {0};
	struct err err;

	CHECK(db_select(state->db,
			"SELECT (SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" ||"
			" coalesce(' ' || dflt_value, '') || iif(pk, ' pk' || pk, ''), ', ')"
			" FROM pragma_table_info(?1)) || coalesce((SELECT group_concat(' ' || name,"
			" '') FROM (SELECT name FROM sqlite_master WHERE tbl_name = ?1 AND"
			" type = 'index' AND sql IS NOT NULL ORDER BY name)), '')",
			DB_VALUES(db_text(table)), &query, &err) == 0);
	CHECK(db_next(&query, &err) == 1);
	CHECK_STR(db_column_text(&query, 0), want);
}

static void test_schema(struct state *state)
{
	AUTO(db_query_done) struct db_query query = {0};
	struct err err;

	TEST("tables, indexes and migrations have the promised names");
	check_schema(state, "vms",
		     "id TEXT 0 pk1, pid INTEGER 1 0, status TEXT 1, image TEXT 1 '', config_json "
		     "BLOB 0, created_at TEXT 1, updated_at TEXT 1 idx_vms_created_at "
		     "idx_vms_status");
	check_schema(state, "subnet_allocations",
		     "vm_id TEXT 0 pk1, octet INTEGER 1, gateway_ip TEXT 1, guest_ip TEXT 1, "
		     "subnet TEXT 1, created_at TEXT 1 idx_subnet_allocations_octet");
	check_schema(state, "vm_lifecycle",
		     "vm_id TEXT 1 pk1, version INTEGER 1 pk2, backend TEXT 1 '', phase TEXT 1, "
		     "updated_at TEXT 1, last_error TEXT 1 '', resources_json TEXT 1 '{}', "
		     "cleanup_json TEXT 1 '{}' idx_vm_lifecycle_phase idx_vm_lifecycle_vm_version");
	check_schema(state, "vm_lifecycle_head", "vm_id TEXT 0 pk1, last_version INTEGER 1");
	CHECK(db_select(state->db,
			"SELECT group_concat(module || version || ':' || name, ' ') FROM"
			" (SELECT * FROM schema_migrations ORDER BY module, version)",
			NULL, 0, &query, &err) == 0);
	CHECK(db_next(&query, &err) == 1);
	CHECK_STR(db_column_text(&query, 0),
		  "lifecycle1:create_append_only_vm_lifecycle_table "
		  "lifecycle2:create_vm_lifecycle_head lifecycle3:import_vms_state_db "
		  "owner1:create_vm_owner "
		  "owner2:add_name_labels_vmm_stop state1:create_vms "
		  "state2:create_subnet_allocations");
}

static void test_row(struct state *state)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	struct err err = {0};
	json_t *record;

	TEST("a registered sandbox is read back, with its first lifecycle record");
	CHECK(add_own(state, "vm-1", &err) == 0);
	CHECK(state_get(state, "vm-1", &row, &err) == 0);
	CHECK_STR(row.id, "vm-1");
	CHECK(row.pid == getpid() && process_alive(row.pid, row.pid_start));
	CHECK(row.status == SANDBOX_RUNNING && row.remove);
	CHECK_STR(row.image, "matchlock/base");
	CHECK_STR(row.config_json, "{\"id\":1}");
	CHECK_STR(row.created_at, row.updated_at);
	CHECK(lifecycle_get(state, "vm-1", &record, &err) == 0);
	CHECK_STR(json_string_value(json_object_get(record, "phase")), "creating");
	json_decref(record);

	TEST("an id is registered once");
	CHECK(add_own(state, "vm-1", &err) < 0 && err.code == ERR_CONFLICT);
	CHECK_STR(err.msg, "VM vm-1 exists already");

	TEST("`stopped` clears the pid, `crashed` keeps it");
	CHECK(state_set_status(state, "vm-1", SANDBOX_CRASHED, &err) == 0);
	sandbox_row_done(&row);
	CHECK(state_get(state, "vm-1", &row, &err) == 0);
	CHECK(row.pid == getpid() && row.status == SANDBOX_CRASHED);
	CHECK(state_set_status(state, "vm-1", SANDBOX_STOPPED, &err) == 0);
	sandbox_row_done(&row);
	CHECK(state_get(state, "vm-1", &row, &err) == 0);
	CHECK(row.pid == 0 && row.status == SANDBOX_STOPPED);

	TEST("an unknown id is said to be");
	CHECK(state_get(state, "vm-2", &row, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK_STR(err.msg, "VM vm-2 not found");
	CHECK(state_set_status(state, "vm-2", SANDBOX_STOPPED, &err) < 0);
	CHECK(state_remove(state, "vm-2", &err) < 0 && err.code == ERR_NOT_FOUND);

	TEST("removing takes all but the history");
	sql(state, "INSERT INTO subnet_allocations VALUES ('vm-1', 100, '', '', '', '')");
	CHECK(state_remove(state, "vm-1", &err) == 0);
	sandbox_row_done(&row);
	CHECK(state_get(state, "vm-1", &row, &err) < 0);
	CHECK(lifecycle_get(state, "vm-1", &record, &err) == 0);
	json_decref(record);
	sql(state, "INSERT INTO subnet_allocations VALUES ('vm-1', 100, '', '', '', '')");
	sql(state, "INSERT INTO vms VALUES ('vm-1', 1, 'x', '', NULL, '', '')");
	sql(state, "INSERT INTO vm_owner (vm_id, pid_start, boot_id, remove)"
		   " VALUES ('vm-1', 0, '', 0)");
	CHECK(state_remove(state, "vm-1", &err) == 0);
}

static int add_named(struct state *state, const char *id, const char *name, struct err *err)
{
	json_t *labels = json_pack("{ss}", "team", "x y");
	const struct sandbox_row row = {
		.id = (char *)id,
		.pid = getpid(),
		.pid_start = process_start_time(getpid()),
		.name = (char *)name,
		.labels = labels,
	};
	int status = state_register(state, &row, err);

	json_decref(labels);
	return status;
}

static void test_names(struct state *state)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	AUTO(sandbox_row_done) struct sandbox_row again = {0};
	struct err err = {0};
	uint64_t grace = 7;

	TEST("a sandbox is found by its name, which is its alone");
	CHECK(add_named(state, "vm-1", "web", &err) == 0);
	CHECK(add_named(state, "vm-2", "", &err) == 0 && add_named(state, "vm-3", NULL, &err) == 0);
	CHECK(state_get(state, "web", &row, &err) == 0);
	CHECK_STR(row.id, "vm-1");
	CHECK_STR(row.name, "web");
	CHECK_STR(json_string_value(json_object_get(row.labels, "team")), "x y");
	CHECK(add_named(state, "vm-4", "web", &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, "the name \"web\" belongs to VM vm-1: choose another, or remove that "
			   "one with 'matchlock rm web'");
	CHECK(state_get(state, "vm-4", &again, &err) < 0 && state_get(state, "", &again, &err) < 0);

	TEST("what else belongs to a row: its VMM, the time it gets for its end");
	CHECK(row.vmm_pid == 0);
	CHECK(state_set_vmm(state, "vm-1", getpid(), &err) == 0);
	CHECK(state_get(state, "vm-1", &again, &err) == 0);
	CHECK(again.vmm_pid == getpid() && process_alive(again.vmm_pid, again.vmm_start));
	CHECK(state_get_stop_grace(state, "vm-1", &grace, &err) == 0 && grace == 7);
	CHECK(state_set_stop_grace(state, "vm-1", 5000, &err) == 0);
	CHECK(state_get_stop_grace(state, "vm-1", &grace, &err) == 0 && grace == 5000);

	TEST("a removed sandbox leaves its name");
	CHECK(state_remove(state, "vm-1", &err) == 0 && state_remove(state, "vm-2", &err) == 0 &&
	      state_remove(state, "vm-3", &err) == 0);
	CHECK(add_named(state, "vm-5", "web", &err) == 0);
	CHECK(state_remove(state, "vm-5", &err) == 0);
}

static void test_order(struct state *state)
{
	static const char *const times[][2] = {
		{"a", "2026-01-01T00:00:00.51Z"},
		{"b", "2026-01-01T00:00:00.5Z"},
		{"c", "2026-01-01T00:00:00Z"},
		{"d", "2025-12-31T23:59:59.999999999Z"},
	};
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	struct err err;

	TEST("the newest come first, to the nanosecond");
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		size_t at = (i * 3 + 1) % ARRAY_SIZE(times);

		CHECK(add_own(state, times[at][0], &err) == 0);
		CHECK(db_run(state->db, "UPDATE vms SET created_at = ? WHERE id = ?",
			     DB_VALUES(db_text(times[at][1]), db_text(times[at][0])), &err) == 0);
	}
	CHECK(state_list(state, &rows, &err) == 0 && rows.count == ARRAY_SIZE(times));
	for (size_t i = 0; i < rows.count; i++) {
		CHECK_STR(rows.rows[i].id, times[i][0]);
		CHECK(state_remove(state, rows.rows[i].id, &err) == 0);
	}
}

/* In a child: owns the sandbox and waits to be killed. */
static void own_forever(void *home)
{
	AUTO(auto_state) struct state *state = NULL;
	struct err err;

	CHECK(state_open(home, &state, &err) == 0);
	CHECK(add_own(state, "killed", &err) == 0);
	for (;;)
		pause();
}

static void test_crashed(struct state *state, const char *home)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	struct err err = {0};
	pid_t pid = test_fork(own_forever, (void *)home);
	AUTO_FREE char *why = xasprintf("process %ld, which ran this sandbox, ended without "
					"stopping it",
					(long)pid);
	json_t *record;
	siginfo_t info;

	TEST("a sandbox whose supervisor was killed becomes `crashed` when it is read");
	while (state_get(state, "killed", &row, &err) < 0)
		usleep(1000);
	sandbox_rows_done(&rows);
	CHECK(state_list(state, &rows, &err) == 0 && rows.count == 1);
	CHECK(rows.rows[0].status == SANDBOX_RUNNING);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	/* It is a zombie still, which is as dead as reaped. */
	CHECK(!process_alive(row.pid, row.pid_start));
	sandbox_rows_done(&rows);
	CHECK(state_list(state, &rows, &err) == 0 && rows.count == 1);
	CHECK(rows.rows[0].status == SANDBOX_CRASHED && rows.rows[0].pid == pid);
	CHECK(status_of(state, "killed") == SANDBOX_CRASHED);
	CHECK(lifecycle_get(state, "killed", &record, &err) == 0);
	CHECK_STR(json_string_value(json_object_get(record, "last_error")), why);
	CHECK(json_integer_value(json_object_get(record, "version")) == 2);
	json_decref(record);
	CHECK(test_wait(pid) == SIGKILL);
	CHECK(state_remove(state, "killed", &err) == 0);
}

static void test_reuse(struct state *state)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	struct err err;

	TEST("a process that only has the same pid is not the supervisor");
	CHECK(add_own(state, "alive", &err) == 0);
	CHECK(add(state, "reused", getpid(), process_start_time(getpid()) - 1, &err) == 0);
	CHECK(add(state, "init", 1, process_start_time(1) + 1, &err) == 0);
	CHECK(add(state, "nobody", 0, 0, &err) == 0);
	CHECK(add_own(state, "rebooted", &err) == 0);
	sql(state, "UPDATE vm_owner SET boot_id = 'earlier' WHERE vm_id = 'rebooted'");
	CHECK(state_get(state, "rebooted", &row, &err) == 0);
	CHECK(row.pid == getpid() && row.pid_start == 0 && row.status == SANDBOX_CRASHED);
	CHECK(add_own(state, "foreign", &err) == 0);
	sql(state, "DELETE FROM vm_owner WHERE vm_id = 'foreign'");
	CHECK(state_list(state, &rows, &err) == 0 && rows.count == 6);
	for (size_t i = 0; i < rows.count; i++) {
		bool alive = strcmp(rows.rows[i].id, "alive") == 0;

		CHECK(rows.rows[i].status == (alive ? SANDBOX_RUNNING : SANDBOX_CRASHED));
		CHECK(state_remove(state, rows.rows[i].id, &err) == 0);
	}
}

enum { CLIENTS = 12, ROUNDS = 15 };

struct client {
	const char *home;
	int number;
};

/* In a child: opens anew each time, adds two rows, lists, removes one. */
static void client_run(void *arg)
{
	const struct client *client = arg;

	for (int round = 0; round < ROUNDS; round++) {
		AUTO(auto_state) struct state *state = NULL;
		AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
		AUTO_FREE char *kept = xasprintf("kept-%d-%d", client->number, round);
		AUTO_FREE char *gone = xasprintf("gone-%d-%d", client->number, round);
		struct err err = {0};
		size_t found = 0;

		if (state_open(client->home, &state, &err) < 0 || add_own(state, kept, &err) < 0 ||
		    add_own(state, gone, &err) < 0 ||
		    lifecycle_set_phase(state, gone, PHASE_CREATED, NULL, &err) < 0 ||
		    state_list(state, &rows, &err) < 0 || state_remove(state, gone, &err) < 0 ||
		    state_set_status(state, kept, SANDBOX_STOPPED, &err) < 0) {
			printf("# %s\n", err.msg);
			CHECK(false);
			return;
		}
		for (size_t i = 0; i < rows.count; i++)
			found += strcmp(rows.rows[i].id, kept) == 0 ||
				 strcmp(rows.rows[i].id, gone) == 0;
		CHECK(found == 2);
	}
}

static void test_many(const char *home)
{
	AUTO_FREE char *shared = path_join(home, "shared");
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(auto_state) struct state *state = NULL;
	struct client clients[CLIENTS];
	pid_t pids[CLIENTS];
	struct err err = {0};

	TEST("many processes at once, from the first opening on, lose no row");
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){shared, i};
		pids[i] = test_fork(client_run, &clients[i]);
	}
	for (int i = 0; i < CLIENTS; i++)
		CHECK(test_wait(pids[i]) == 0);
	CHECK(state_open(shared, &state, &err) == 0);
	CHECK(state_list(state, &rows, &err) == 0 && rows.count == CLIENTS * ROUNDS);
	for (size_t i = 0; i < rows.count; i++)
		CHECK(strncmp(rows.rows[i].id, "kept-", 5) == 0 &&
		      rows.rows[i].status == SANDBOX_STOPPED);
}

int main(void)
{
	char *home = test_home_new();
	struct state *state = NULL;
	struct err err;

	if (state_open(home, &state, &err) < 0)
		abort();
	test_schema(state);
	test_row(state);
	test_names(state);
	test_order(state);
	test_crashed(state, home);
	test_reuse(state);
	state_free(state);
	test_many(home);
	test_home_done(home);
	return tap_done();
}
