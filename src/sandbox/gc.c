// SPDX-License-Identifier: MIT
/*
 * Garbage of crashed sandboxes: see gc.h.  Their processes are gone already (they die with their
 * supervisor); what is left are files and rows.  The row goes last, so a gc that is killed can be
 * repeated.
 */
#include "sandbox/gc.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/log.h"
#include "base/path.h"
#include "state/lifecycle.h"

#include <errno.h>
#include <unistd.h>

static int remove_file(const char *dir, const char *name, bool *ret_existed, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, name);

	if (unlink(path) == 0) {
		*ret_existed = true;
		return 0;
	}
	return errno == ENOENT ? 0 : err_sys(err, errno, "remove '%s'", path);
}

static int remove_all(struct state *state, const char *dir, const struct sandbox_row *row,
		      bool *ret_disk, struct err *err)
{
	if (remove_file(dir, "upper.ext4", ret_disk, err) < 0)
		return -1;
	if (!row->remove)
		return 0;
	if (path_remove_tree(dir, err) < 0)
		return -1;
	return state_remove(state, row->id, err);
}

int gc_sandbox(struct state *state, const char *state_home, const struct sandbox_row *row,
	       char **ret_cleaned, struct err *err)
{
	AUTO_FREE char *dir = xasprintf("%s/vms/%s", state_home, row->id);
	bool disk = false;
	struct err ignored;
	int status;

	lifecycle_set_phase(state, row->id, PHASE_CLEANING, NULL, &ignored);
	status = remove_all(state, dir, row, &disk, err);
	lifecycle_set_cleanup(state, row->id, "rootfs_remove", status < 0 ? err->msg : NULL,
			      &ignored);
	lifecycle_set_phase(state, row->id, status < 0 ? PHASE_CLEANUP_FAILED : PHASE_CLEANED,
			    status < 0 ? err->msg : NULL, &ignored);
	if (status < 0)
		return -1;
	*ret_cleaned =
		xasprintf("%s%s%s", disk ? "rootfs_remove" : "", disk && row->remove ? ", " : "",
			  row->remove ? "state_remove" : "");
	return 0;
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
