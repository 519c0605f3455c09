// SPDX-License-Identifier: MIT
/*
 * `matchlock gc`: what crashed sandboxes left behind (reference: cli-and-rpc.md 6.2).  A sandbox
 * that runs is skipped, which is no error.
 */
#include "cli/cmd_gc.h"

#include "base/auto.h"
#include "base/path.h"
#include "sandbox/gc.h"

#include <stdio.h>

/* Prints the line of one sandbox; -1 when something could not be cleaned. */
static int reconcile(struct state *state, const char *state_home, const struct sandbox_row *row)
{
	AUTO_FREE char *cleaned = NULL;
	struct err err;

	if (row->status == SANDBOX_RUNNING) {
		printf("%s: skipped (VM is running)\n", row->id);
		return 0;
	}
	if (gc_sandbox(state, state_home, row, &cleaned, &err) < 0) {
		fprintf(stderr, "%s: failed rootfs_remove: %s\n", row->id, err.msg);
		return -1;
	}
	if (*cleaned)
		printf("%s: cleaned %s\n", row->id, cleaned);
	else
		printf("%s: no resources to clean\n", row->id);
	return 0;
}

int cmd_gc(struct cli *cli, int argc, char **argv, struct err *err)
{
	AUTO_FREE char *state_home = NULL;
	AUTO(auto_state) struct state *state = NULL;
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	size_t failed = 0;

	(void)cli;
	(void)argc;
	(void)argv;
	if (path_state_home(&state_home, err) < 0 || state_open(state_home, &state, err) < 0 ||
	    state_list(state, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++)
		failed += reconcile(state, state_home, &rows.rows[i]) < 0;
	printf("Reconciled %zu VMs\n", rows.count);
	if (failed > 0)
		return err_set(err, ERR_IO, "%zu VMs could not be cleaned", failed);
	return 0;
}
