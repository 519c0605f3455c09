// SPDX-License-Identifier: MIT
/*
 * `matchlock image ls`: what the store holds, local images first, newest first (reference:
 * cli-and-rpc.md 5.3).
 */
#include "cli/cmd_image_ls.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/images.h"
#include "cli/json_out.h"
#include "cli/table.h"
#include "image/store.h"

#include <string.h>

const struct cli_option image_ls_flags[] = {
	{
		.name = "json",
		.help = "print JSON instead of a table, sizes in bytes",
		.type = &cli_bool,
		.offset = offsetof(struct image_ls_options, json),
	},
	{0},
};

/* "YYYY-MM-DD HH:MM:SS" of an RFC 3339 time. */
static char *time_text(const char *time)
{
	char *text = xstrndup(time, strlen("YYYY-MM-DDTHH:MM:SS"));
	char *separator = strchr(text, 'T');

	if (separator)
		*separator = ' ';
	return text;
}

static void print_table(const struct image_rows *rows)
{
	static const char *const headers[] = {"TAG", "SOURCE", "SIZE", "CREATED"};
	AUTO(auto_strv) char **cells = NULL;

	for (size_t i = 0; i < rows->count; i++) {
		strv_add(&cells, rows->rows[i].tag);
		strv_add(&cells, rows->rows[i].source);
		strv_take(&cells, images_size_text(rows->rows[i].size));
		strv_take(&cells, time_text(rows->rows[i].created_at));
	}
	table_print(headers, ARRAY_SIZE(headers), cells);
}

static void print_json(const struct image_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct image_row *row = &rows->rows[i];

		json_array_append_new(list, json_pack("{ss ss ss sI ss}", "tag", row->tag, "source",
						      row->source, "digest", row->digest, "size",
						      (json_int_t)row->size, "created_at",
						      row->created_at));
	}
	json_print(list);
}

int cmd_image_ls(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct image_ls_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(image_rows_done) struct image_rows rows = {0};

	if (images_open(&store, err) < 0 || store_list(store, &rows, err) < 0)
		return -1;
	if (options->json)
		print_json(&rows);
	else
		print_table(&rows);
	return 0;
}
