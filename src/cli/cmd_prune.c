// SPDX-License-Identifier: MIT
/*
 * `matchlock prune`: removes all sandboxes that have stopped or crashed (reference: cli-and-rpc.md
 * 6.2).  One that somebody else removes meanwhile is not counted and no error.
 */
#include "cli/cmd_prune.h"

#include "base/auto.h"
#include "base/strv.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"

#include <stdio.h>

int cmd_prune(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(auto_strv) char **strays = NULL;
	size_t pruned = 0, failed = 0;
	struct err row_err;

	if (sandboxes_open(&sandboxes, err) < 0 || state_list(sandboxes.state, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		const struct sandbox_row *row = &rows.rows[i];

		if (row->status == SANDBOX_RUNNING)
			continue;
		if (gc_remove(sandboxes.state, sandboxes.home, row, &row_err) == 0) {
			printf("Pruned %s\n", row->id);
			pruned++;
		} else if (row_err.code != ERR_NOT_FOUND) {
			fprintf(stderr, "%s: %s\n", row->id, row_err.msg);
			failed++;
		}
	}
	if (gc_strays(sandboxes.state, sandboxes.home, &strays, err) < 0)
		return -1;
	for (size_t i = 0; i < strv_count(strays); i++, pruned++)
		printf("Pruned %s\n", strays[i]);
	printf("Pruned %zu VMs\n", pruned);
	if (failed > 0)
		return err_set(err, ERR_IO, "%zu VMs could not be removed", failed);
	return 0;
}
