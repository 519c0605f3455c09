// SPDX-License-Identifier: MIT
/*
 * `matchlock stop`: ends sandboxes in order, one after the other, and waits for it.  The programs
 * in the guest get SIGTERM and the time of --time, then the disks are unmounted; an owner that does
 * not manage that is killed and cleaned up after.
 */
#include "cli/cmd_stop.h"

#include "base/auto.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"
#include "sandbox/remote.h"

#include <stdio.h>

enum { STOP_TIME_S = 10, STOP_TIME_S_MAX = 24 * 3600 };

const struct cli_option stop_flags[] = {
	{
		.name = "time",
		.letter = 't',
		.metavar = "seconds",
		.help = "how long programs of the sandbox get for their end",
		.type = &cli_int,
		.offset = offsetof(struct stop_options, time_s),
	},
	{0},
};

void stop_options_init(void *options)
{
	((struct stop_options *)options)->time_s = STOP_TIME_S;
}

/* What a supervisor that had to be killed has left; it may have removed the row at the last moment.
 */
static int clean_up(struct sandboxes *sandboxes, const char *id, struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	AUTO_FREE char *cleaned = NULL;

	if (state_get(sandboxes->state, id, &row, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	return gc_sandbox(sandboxes->state, sandboxes->home, &row, &cleaned, err);
}

static int stop_one(struct sandboxes *sandboxes, const struct sandbox_row *row,
		    const void *command_options, struct err *err)
{
	const struct stop_options *options = command_options;
	bool killed;

	if (remote_stop(sandboxes->state, row, (uint64_t)options->time_s * 1000, &killed, err) < 0)
		return -1;
	if (killed) {
		fprintf(stderr, "%s did not stop in time and was killed\n", row->id);
		if (clean_up(sandboxes, row->id, err) < 0)
			return -1;
	}
	printf("Stopped %s\n", row->id);
	return 0;
}

int cmd_stop(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct stop_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};

	if (options->time_s < 0 || options->time_s > STOP_TIME_S_MAX)
		return err_set(err, ERR_INVALID, "--time must be 0 to %d (seconds), not %lld",
			       STOP_TIME_S_MAX, (long long)options->time_s);
	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	return sandboxes_each(&sandboxes, argv, stop_one, options, err);
}
