// SPDX-License-Identifier: MIT
/*
 * `matchlock inspect`: one sandbox with its history (reference: cli-and-rpc.md 6.3).  The newest
 * record of the history is repeated as "lifecycle"; null when there is none.
 */
#include "cli/cmd_inspect.h"

#include "base/auto.h"
#include "cli/json_out.h"
#include "cli/sandboxes.h"
#include "state/lifecycle.h"

int cmd_inspect(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	json_t *object, *history, *newest;

	if (sandboxes_open(&sandboxes, err) < 0 ||
	    state_get(sandboxes.state, argv[0], &row, err) < 0 ||
	    lifecycle_history(sandboxes.state, row.id, &history, err) < 0)
		return -1;
	newest = json_array_size(history)
			 ? json_incref(json_array_get(history, json_array_size(history) - 1))
			 : json_null();
	object = json_object();
	json_object_set_new(object, "vm", sandboxes_to_json(&row));
	json_object_set_new(object, "lifecycle", newest);
	json_object_set_new(object, "history", history);
	json_print_indented(object);
	return 0;
}
