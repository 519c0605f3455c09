// SPDX-License-Identifier: MIT
/*
 * `matchlock rm`: removes what is left of sandboxes that have ended, but for their history
 * (reference: cli-and-rpc.md 6.2).
 */
#include "cli/cmd_rm.h"

#include "base/auto.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"

#include <stdio.h>

const struct cli_option rm_flags[] = {
	{
		.name = "stopped",
		.help = "all sandboxes that do not run",
		.type = &cli_bool,
		.offset = offsetof(struct rm_options, stopped),
	},
	{0},
};

static int remove_one(struct sandboxes *sandboxes, const struct sandbox_row *row,
		      const void *options ML_UNUSED, struct err *err)
{
	if (row->status == SANDBOX_RUNNING)
		return err_set(err, ERR_CONFLICT, "VM is running %s", row->id);
	if (gc_remove(sandboxes->state, sandboxes->home, row, err) < 0)
		return -1;
	printf("Removed %s\n", row->id);
	return 0;
}

int cmd_rm(struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct rm_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};

	if (argc == 0 && !options->stopped)
		return err_set(err, ERR_INVALID, "VM ID required (or use --stopped)");
	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	if (options->stopped)
		return sandboxes_all(&sandboxes, false, remove_one, options, "remove", err);
	return sandboxes_each(&sandboxes, argv, remove_one, options, err);
}
