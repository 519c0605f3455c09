// SPDX-License-Identifier: MIT
/*
 * `matchlock gc`: what crashed sandboxes left behind (reference: cli-and-rpc.md 6.2).  A sandbox
 * that runs is skipped, which is an error only when it was named; with --force-running it is ended
 * first.
 */
#include "cli/cmd_gc.h"

#include "base/auto.h"
#include "base/strv.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"
#include "sandbox/remote.h"

#include <stdio.h>

const struct cli_option gc_flags[] = {
	{
		.name = "force-running",
		.help = "end sandboxes that run, too",
		.type = &cli_bool,
		.offset = offsetof(struct gc_options, force_running),
	},
	{0},
};

/* Prints the line of a sandbox that does not run. */
static int clean(struct sandboxes *sandboxes, const struct sandbox_row *row, struct err *err)
{
	AUTO_FREE char *cleaned = NULL;

	if (gc_sandbox(sandboxes->state, sandboxes->home, row, &cleaned, err) < 0) {
		if (err->code == ERR_NOT_FOUND)
			return 0; /* somebody else was quicker */
		fprintf(stderr, "%s: failed rootfs_remove: %s\n", row->id, err->msg);
		return -1;
	}
	if (*cleaned)
		printf("%s: cleaned %s\n", row->id, cleaned);
	else
		printf("%s: no resources to clean\n", row->id);
	return 0;
}

/* Ends a sandbox that runs and cleans what it may have left. */
static int end_and_clean(struct sandboxes *sandboxes, const struct sandbox_row *row,
			 struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row after = {0};
	bool killed;

	if (remote_stop(sandboxes->state, row, 0, &killed, err) < 0) {
		fprintf(stderr, "%s: failed stop: %s\n", row->id, err->msg);
		return -1;
	}
	if (state_get(sandboxes->state, row->id, &after, err) == 0)
		return clean(sandboxes, &after, err);
	if (err->code != ERR_NOT_FOUND)
		return -1;
	printf("%s: cleaned state_remove\n", row->id);
	return 0;
}

static int reconcile(struct sandboxes *sandboxes, const struct sandbox_row *row, bool force,
		     struct err *err)
{
	if (row->status != SANDBOX_RUNNING)
		return clean(sandboxes, row, err);
	if (force)
		return end_and_clean(sandboxes, row, err);
	printf("%s: skipped (VM is running)\n", row->id);
	return 0;
}

static int reconcile_one(struct sandboxes *sandboxes, const char *id, bool force, struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};

	if (state_get(sandboxes->state, id, &row, err) < 0 ||
	    reconcile(sandboxes, &row, force, err) < 0)
		return -1;
	if (row.status == SANDBOX_RUNNING && !force)
		return err_set(err, ERR_CONFLICT, "VM is running %s", row.id);
	return 0;
}

int cmd_gc(struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct gc_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(auto_strv) char **strays = NULL;
	size_t failed = 0;

	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	if (argc > 0)
		return reconcile_one(&sandboxes, argv[0], options->force_running, err);
	if (state_list(sandboxes.state, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++)
		failed += reconcile(&sandboxes, &rows.rows[i], options->force_running, err) < 0;
	if (gc_strays(sandboxes.state, sandboxes.home, &strays, err) < 0)
		return -1;
	for (size_t i = 0; i < strv_count(strays); i++)
		printf("%s: cleaned state_remove\n", strays[i]);
	printf("Reconciled %zu VMs\n", rows.count + strv_count(strays));
	if (failed > 0)
		return err_set(err, ERR_IO, "%zu VMs could not be cleaned", failed);
	return 0;
}
