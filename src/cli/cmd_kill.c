// SPDX-License-Identifier: MIT
/*
 * `matchlock kill`: asks the process that owns a sandbox to end it, and does not wait (reference:
 * cli-and-rpc.md 6.2).
 */
#include "cli/cmd_kill.h"

#include "base/auto.h"
#include "cli/sandboxes.h"
#include "sandbox/remote.h"

#include <stdio.h>

const struct cli_option kill_flags[] = {
	{
		.name = "all",
		.help = "all sandboxes that run",
		.type = &cli_bool,
		.offset = offsetof(struct kill_options, all),
	},
	{0},
};

static int kill_one(struct sandboxes *sandboxes ML_UNUSED, const struct sandbox_row *row,
		    const void *options ML_UNUSED, struct err *err)
{
	if (remote_kill(row, err) < 0)
		return -1;
	printf("Killed %s\n", row->id);
	return 0;
}

int cmd_kill(struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct kill_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};

	if (argc == 0 && !options->all)
		return err_set(err, ERR_INVALID, "VM ID required (or use --all)");
	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	if (options->all)
		return sandboxes_all(&sandboxes, true, kill_one, options, "kill", err);
	return sandboxes_each(&sandboxes, argv, kill_one, options, err);
}
