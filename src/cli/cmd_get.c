// SPDX-License-Identifier: MIT
/* `matchlock get`: one sandbox (reference: cli-and-rpc.md 6.3). */
#include "cli/cmd_get.h"

#include "base/auto.h"
#include "cli/json_out.h"
#include "cli/sandboxes.h"

int cmd_get(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};

	if (sandboxes_open(&sandboxes, err) < 0 ||
	    state_get(sandboxes.state, argv[0], &row, err) < 0)
		return -1;
	json_print_indented(sandboxes_to_json(&row));
	return 0;
}
