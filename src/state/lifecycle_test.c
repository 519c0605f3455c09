// SPDX-License-Identifier: MIT
/* The history of sandboxes: allowed moves, the shape of inspect, many writers. */
#include "state/lifecycle.h"

#include "base/buf.h"
#include "state/db.h"
#include "state/state.h"
#include "state/state_internal.h"
#include "state/test_home.h"

/* The reference's table, in its own words. */
static const char *const allowed[] = {
	"creating>created",
	"creating>create_failed",
	"creating>cleaning",
	"created>starting",
	"created>stopping",
	"created>cleaning",
	"starting>running",
	"starting>start_failed",
	"starting>stopping",
	"starting>cleaning",
	"running>stopping",
	"running>cleaning",
	"stopping>stopped",
	"stopping>stop_failed",
	"stopping>cleaning",
	"stopped>cleaning",
	"stopped>cleaned",
	"cleaning>cleaned",
	"cleaning>cleanup_failed",
	"create_failed>cleaning",
	"create_failed>cleanup_failed",
	"start_failed>stopping",
	"start_failed>cleaning",
	"start_failed>cleanup_failed",
	"stop_failed>cleaning",
	"stop_failed>cleanup_failed",
	"cleanup_failed>cleaning",
	"cleanup_failed>cleaned",
};

static bool is_allowed(const char *from, const char *to)
{
	AUTO_FREE char *move = xasprintf("%s>%s", from, to);

	if (strcmp(from, to) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (strcmp(allowed[i], move) == 0)
			return true;
	}
	return false;
}

static void test_moves(struct state *state)
{
	struct err err;

	TEST("every move of phase is allowed or refused as the table says");
	for (size_t from = 0; from < PHASE_COUNT; from++) {
		for (size_t to = 0; to < PHASE_COUNT; to++) {
			const char *a = phase_name((enum phase)from),
				   *b = phase_name((enum phase)to);
			AUTO_FREE char *id = xasprintf("%s-%s", a, b);
			AUTO_FREE char *text = xasprintf(
				"invalid lifecycle phase transition \"%s\" -> \"%s\"", a, b);
			int result;

			CHECK(db_run(state->db,
				     "INSERT INTO vm_lifecycle (vm_id, version, phase, updated_at)"
				     " VALUES (?, 1, ?, '')",
				     DB_VALUES(db_text(id), db_text(a)), &err) == 0);
			CHECK(db_run(state->db, "INSERT INTO vm_lifecycle_head VALUES (?, 1)",
				     DB_VALUES(db_text(id)), &err) == 0);
			result = lifecycle_set_phase(state, id, (enum phase)to, NULL, &err);
			CHECK((result == 0) == is_allowed(a, b));
			if (result < 0)
				CHECK_STR(err.msg, text);
		}
	}
}

/* Compares JSON with every "updated_at" taken out after a look at its form. */
static void check_json(json_t *value, const char *want)
{
	AUTO_FREE char *text = json_dumps(value, JSON_COMPACT);
	AUTO_BUF struct buf got = BUF_INIT(64 * 1024);
	const char *at = text, *time;

	if (!text)
		abort();
	while ((time = strstr(at, "\"updated_at\":\""))) {
		const char *start = time + strlen("\"updated_at\":\"");
		const char *end = strchr(start, '"');

		if (!end)
			abort();
		CHECK(end - start >= 20 && start[10] == 'T' && end[-1] == 'Z');
		buf_put(&got, at, (size_t)(start - at));
		at = end;
	}
	buf_puts(&got, at);
	CHECK_STR(got.ptr, want);
	json_decref(value);
}

static void test_shape(struct state *state)
{
	json_t *value = NULL;
	struct err err = {0};

	TEST("records have the promised members in the promised order");
	CHECK(lifecycle_get(state, "vm-1", &value, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK(lifecycle_set_phase(state, "vm-1", PHASE_CREATING, NULL, &err) == 0);
	CHECK(lifecycle_set_resource(state, "vm-1", "state_dir", "/s", &err) == 0);
	CHECK(lifecycle_set_resource(state, "vm-1", "rootfs_path", "/u", &err) == 0);
	CHECK(lifecycle_set_phase(state, "vm-1", PHASE_CREATE_FAILED, "no space", &err) == 0);
	CHECK(lifecycle_set_phase(state, "vm-1", PHASE_CLEANING, NULL, &err) == 0);
	CHECK(lifecycle_set_cleanup(state, "vm-1", "guest_sync", NULL, &err) == 0);
	CHECK(lifecycle_set_cleanup(state, "vm-1", "rootfs_remove", "busy", &err) == 0);
	CHECK(lifecycle_get(state, "vm-1", &value, &err) == 0);
	check_json(
		value,
		"{\"version\":7,\"vm_id\":\"vm-1\",\"backend\":\"qemu\",\"phase\":\"cleaning\","
		"\"updated_at\":\"\",\"resources\":{\"state_dir\":\"/s\",\"rootfs_path\":\"/u\"},"
		"\"cleanup\":{\"guest_sync\":{\"status\":\"ok\",\"updated_at\":\"\"},"
		"\"rootfs_remove\":{\"status\":\"error\",\"error\":\"busy\",\"updated_at\":\"\"}"
		"}}");

	TEST("the history is whole, oldest first");
	CHECK(lifecycle_history(state, "vm-1", &value, &err) == 0);
	CHECK(json_array_size(value) == 7);
	check_json(json_incref(json_array_get(value, 0)),
		   "{\"version\":1,\"vm_id\":\"vm-1\",\"backend\":\"qemu\",\"phase\":\"creating\","
		   "\"updated_at\":\"\",\"resources\":{}}");
	check_json(json_incref(json_array_get(value, 3)),
		   "{\"version\":4,\"vm_id\":\"vm-1\",\"backend\":\"qemu\",\"phase\":\"create_"
		   "failed\",\"updated_at\":\"\",\"last_error\":\"no space\",\"resources\":"
		   "{\"state_dir\":\"/s\",\"rootfs_path\":\"/u\"}}");
	json_decref(value);
	CHECK(lifecycle_history(state, "vm-2", &value, &err) == 0 && json_array_size(value) == 0);
	json_decref(value);
}

static void test_odd(struct state *state)
{
	json_t *value = NULL;
	struct err err = {0};

	TEST("a sandbox without a record can be cleaned");
	CHECK(lifecycle_set_phase(state, "lost", PHASE_CLEANING, NULL, &err) == 0);

	TEST("text that is not UTF-8 is kept as far as it can be shown");
	CHECK(lifecycle_set_resource(state, "odd", "state_dir", "/h\xffme", &err) == 0);
	CHECK(lifecycle_set_phase(state, "odd", PHASE_CREATE_FAILED, "say \xc3\xa4 \xc3", &err) ==
	      0);
	CHECK(lifecycle_get(state, "odd", &value, &err) == 0);
	CHECK_STR(json_string_value(json_object_get(value, "last_error")), "say ?? ?");
	CHECK_STR(json_string_value(
			  json_object_get(json_object_get(value, "resources"), "state_dir")),
		  "/h?me");
	json_decref(value);

	TEST("what cannot be read does not keep a sandbox from being cleaned");
	CHECK(db_run(state->db,
		     "UPDATE vm_lifecycle SET resources_json = '{]', cleanup_json = '7', phase = ''"
		     " WHERE vm_id = 'odd'",
		     NULL, 0, &err) == 0);
	CHECK(lifecycle_set_phase(state, "odd", PHASE_CLEANING, NULL, &err) == 0);
	CHECK(lifecycle_set_phase(state, "odd", PHASE_CLEANED, NULL, &err) == 0);
}

enum { WRITERS = 6, ROUNDS = 20 };

/* In a child. */
static void writer_run(void *home)
{
	AUTO(auto_state) struct state *state = NULL;
	AUTO_FREE char *key = xasprintf("key-%ld", (long)getpid());
	struct err err = {0};

	CHECK(state_open(home, &state, &err) == 0);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(lifecycle_set_resource(state, "many", key, "x", &err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
}

static void test_many(struct state *state, const char *home)
{
	json_t *history = NULL, *newest;
	struct err err = {0};
	pid_t pids[WRITERS];

	TEST("writers at once: every version there, nothing overwritten");
	for (int i = 0; i < WRITERS; i++)
		pids[i] = test_fork(writer_run, (void *)home);
	for (int i = 0; i < WRITERS; i++)
		CHECK(test_wait(pids[i]) == 0);
	CHECK(lifecycle_history(state, "many", &history, &err) == 0);
	CHECK(json_array_size(history) == WRITERS * ROUNDS);
	for (size_t i = 0; i < json_array_size(history); i++)
		CHECK(json_integer_value(json_object_get(json_array_get(history, i), "version")) ==
		      (json_int_t)i + 1);
	newest = json_array_get(history, json_array_size(history) - 1);
	CHECK(json_object_size(json_object_get(newest, "resources")) == WRITERS);
	json_decref(history);
}

int main(void)
{
	char *home = test_home_new();
	struct state *state = NULL;
	struct err err;

	if (state_open(home, &state, &err) < 0)
		abort();
	test_moves(state);
	test_shape(state);
	test_odd(state);
	test_many(state, home);
	state_free(state);
	test_home_done(home);
	return tap_done();
}
