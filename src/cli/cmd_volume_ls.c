// SPDX-License-Identifier: MIT
/* `matchlock volume ls`: names and sizes (reference: cli-and-rpc.md chapter 8). */
#include "cli/cmd_volume_ls.h"

#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/json_out.h"
#include "cli/table.h"
#include "cli/volumes.h"

const struct cli_option volume_ls_flags[] = {
	{
		.name = "json",
		.help = "print JSON instead of a table, with the paths of the files",
		.type = &cli_bool,
		.offset = offsetof(struct volume_ls_options, json),
	},
	{0},
};

static void print_table(const struct volume_rows *rows)
{
	static const char *const headers[] = {"NAME", "SIZE"};
	AUTO(auto_strv) char **cells = NULL;

	for (size_t i = 0; i < rows->count; i++) {
		strv_add(&cells, rows->rows[i].name);
		strv_take(&cells, volumes_size_text(&rows->rows[i]));
	}
	table_print(headers, ARRAY_SIZE(headers), cells);
}

static void print_json(const struct volume_rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++)
		json_array_append_new(array, volumes_to_json(&rows->rows[i]));
	json_print(array);
}

int cmd_volume_ls(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct volume_ls_options *options = cli->options;
	AUTO(volume_rows_done) struct volume_rows rows = {0};
	AUTO_FREE char *cache_home = NULL;

	if (path_cache_home(&cache_home, err) < 0 || volume_list(cache_home, &rows, err) < 0)
		return -1;
	if (options->json)
		print_json(&rows);
	else
		print_table(&rows);
	return 0;
}
