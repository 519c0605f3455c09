// SPDX-License-Identifier: MIT
/*
 * Garbage of sandboxes that have ended: see gc.h.  Their processes are gone already (they die with
 * their supervisor, and a VMM that did not is ended first); what is left are files and rows.  The
 * row goes last, so a gc that is killed can be repeated.
 */
#include "sandbox/gc.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strv.h"
#include "sandbox/control_client.h"
#include "sandbox/remote.h"
#include "state/lifecycle.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLEANED_BYTES = 256 };

int gc_directory(const char *state_home, const char *id, char **ret_dir, struct err *err)
{
	if (!*id || *id == '.' || strchr(id, '/'))
		return err_set(err, ERR_INVALID,
			       "VM id \"%s\" of the database '%s/state.db' is no file name", id,
			       state_home);
	*ret_dir = xasprintf("%s/vms/%s", state_home, id);
	return 0;
}

/* What is cleared, under the names of the history, in their order. */
enum item { BOOTSTRAP, ROOTFS, STATE, VMM, ITEMS };

static const char *const item_names[ITEMS] = {
	[BOOTSTRAP] = "bootstrap_remove", /* a disk of the earlier program */
	[ROOTFS] = "rootfs_remove",
	[STATE] = "state_remove",
	[VMM] = "vmm_end",
};

static int remove_file(const char *dir, const char *name, bool *ret_existed, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, name);

	if (unlink(path) == 0) {
		*ret_existed = true;
		return 0;
	}
	return errno == ENOENT ? 0 : err_sys(err, errno, "remove '%s'", path);
}

static int end_vmm(const struct sandbox_row *row, bool *ret_was_there, struct err *err)
{
	int ended = remote_end_vmm(row, err);

	*ret_was_there = ended == 1;
	return ended < 0 ? -1 : 0;
}

/* Runs one step and writes its outcome into the history, as far as that can be written. */
static int step(struct state *state, const struct sandbox_row *row, enum item item, int status,
		const struct err *err)
{
	struct err ignored;

	lifecycle_set_cleanup(state, row->id, item_names[item], status < 0 ? err->msg : NULL,
			      &ignored);
	return status;
}

static int clear_files(struct state *state, const char *dir, const struct sandbox_row *row,
		       bool done[ITEMS], struct err *err)
{
	if (end_vmm(row, &done[VMM], err) < 0)
		return step(state, row, VMM, -1, err);
	if (done[VMM])
		step(state, row, VMM, 0, err);
	if (step(state, row, ROOTFS, remove_file(dir, "upper.ext4", &done[ROOTFS], err), err) < 0)
		return -1;
	return remove_file(dir, "bootstrap.ext4", &done[BOOTSTRAP], err);
}

/* Why a sandbox crashed is still told when it has been cleaned; NULL: it did not, or nobody knows.
 */
static char *crash_reason(struct state *state, const struct sandbox_row *row)
{
	char *reason = NULL;
	json_t *record;
	struct err err;

	if (row->status != SANDBOX_CRASHED || lifecycle_get(state, row->id, &record, &err) < 0)
		return NULL;
	if (json_is_string(json_object_get(record, "last_error")))
		reason = xstrdup(json_string_value(json_object_get(record, "last_error")));
	json_decref(record);
	return reason;
}

/* The whole: with `all` nothing of the sandbox stays but its history. */
static int clear(struct state *state, const char *state_home, const struct sandbox_row *row,
		 bool all, bool done[ITEMS], struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *reason = crash_reason(state, row);
	struct err ignored;
	int status;

	if (gc_directory(state_home, row->id, &dir, err) < 0)
		return -1;
	lifecycle_set_phase(state, row->id, PHASE_CLEANING, reason, &ignored);
	status = clear_files(state, dir, row, done, err);
	if (status == 0 && all)
		status = path_remove_tree(dir, err);
	lifecycle_set_phase(state, row->id, status < 0 ? PHASE_CLEANUP_FAILED : PHASE_CLEANED,
			    status < 0 ? err->msg : reason, &ignored);
	if (status < 0 || !all)
		return status;
	done[STATE] = true;
	return state_remove(state, row->id, err);
}

int gc_sandbox(struct state *state, const char *state_home, const struct sandbox_row *row,
	       char **ret_cleaned, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT(CLEANED_BYTES);
	bool done[ITEMS] = {false};

	if (clear(state, state_home, row, row->remove, done, err) < 0)
		return -1;
	for (size_t i = 0; i < ITEMS; i++) {
		if (done[i])
			buf_printf(&names, "%s%s", names.len ? ", " : "", item_names[i]);
	}
	*ret_cleaned = buf_steal(&names, NULL);
	return 0;
}

int gc_remove(struct state *state, const char *state_home, const struct sandbox_row *row,
	      struct err *err)
{
	bool done[ITEMS] = {false};

	return clear(state, state_home, row, true, done, err);
}

void gc_crashed(struct state *state, const char *state_home)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	struct err err;

	if (state_list(state, &rows, &err) < 0) {
		log_warn("gc", "%s", err.msg);
		return;
	}
	for (size_t i = 0; i < rows.count; i++) {
		AUTO_FREE char *cleaned = NULL;

		if (rows.rows[i].status != SANDBOX_CRASHED || !rows.rows[i].remove)
			continue;
		if (gc_sandbox(state, state_home, &rows.rows[i], &cleaned, &err) < 0)
			log_warn("gc", "%s: %s", rows.rows[i].id, err.msg);
	}
}

/* --- directories without a row --- */

/* As sandbox_create() makes them; other files may lie beside. */
static bool is_id(const char *name)
{
	return strncmp(name, "vm-", 3) == 0 && strlen(name) == 11 &&
	       strspn(name + 3, "0123456789abcdef") == 8;
}

/* Whether a row or a process knows of `id`: 1, 0, -1 with err.  The row is there before the
 * directory is made. */
static int is_known(struct state *state, const char *id, const char *dir, struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	AUTO_FD int supervisor = -1;
	struct err ignored;

	if (state_get(state, id, &row, err) == 0)
		return 1;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	return control_connect(dir, &supervisor, &ignored) == 0;
}

int gc_strays(struct state *state, const char *state_home, char ***ret_ids, struct err *err)
{
	AUTO_FREE char *vms = path_join(state_home, "vms");
	AUTO_DIR DIR *listing = opendir(vms);
	AUTO(auto_strv) char **ids = NULL;
	const struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		AUTO_FREE char *dir = path_join(vms, entry->d_name);
		int known = is_id(entry->d_name) ? is_known(state, entry->d_name, dir, err) : 1;

		if (known < 0 || (!known && path_remove_tree(dir, err) < 0))
			return -1;
		if (!known)
			strv_add(&ids, entry->d_name);
	}
	*ret_ids = STEAL(ids);
	return 0;
}
