// SPDX-License-Identifier: MIT
/*
 * `matchlock list`: the sandboxes, newest first (reference: cli-and-rpc.md 6.2).  The columns that
 * scripts know stand first.
 */
#include "cli/cmd_list.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/json_out.h"
#include "cli/sandboxes.h"
#include "cli/table.h"

#include <string.h>

const struct cli_option list_flags[] = {
	{
		.name = "running",
		.help = "only sandboxes that run",
		.type = &cli_bool,
		.offset = offsetof(struct list_options, running),
	},
	{
		.name = "label",
		.metavar = "KEY[=VALUE]",
		.help = "only sandboxes with this label (repeatable: with all of them)",
		.type = &cli_array,
		.offset = offsetof(struct list_options, label),
	},
	{
		.name = "json",
		.help = "print JSON instead of a table, each sandbox as \"get\" shows it",
		.type = &cli_bool,
		.offset = offsetof(struct list_options, json),
	},
	{0},
};

void list_options_done(void *options)
{
	strv_free(((struct list_options *)options)->label);
}

static bool has_label(const struct sandbox_row *row, const char *label)
{
	AUTO_FREE char *key = xstrndup(label, strcspn(label, "="));
	const char *equals = strchr(label, '=');
	const char *value = json_string_value(json_object_get(row->labels, key));

	return value && (!equals || strcmp(value, equals + 1) == 0);
}

static bool is_wanted(const struct list_options *options, const struct sandbox_row *row)
{
	if (options->running && row->status != SANDBOX_RUNNING)
		return false;
	for (size_t i = 0; options->label && options->label[i]; i++) {
		if (!has_label(row, options->label[i]))
			return false;
	}
	return true;
}

/* "YYYY-MM-DD HH:MM" of an RFC 3339 time. */
static char *time_text(const char *time)
{
	char *text = xstrndup(time, strlen("YYYY-MM-DDTHH:MM"));
	char *separator = strchr(text, 'T');

	if (separator)
		*separator = ' ';
	return text;
}

static void add_cells(char ***cells, const struct sandbox_row *row)
{
	strv_add(cells, row->id);
	strv_add(cells, sandbox_status_name(row->status));
	strv_add(cells, row->image);
	strv_take(cells, time_text(row->created_at));
	strv_take(cells, row->pid ? xasprintf("%ld", (long)row->pid) : xstrdup("-"));
	strv_add(cells, *row->name ? row->name : "-");
}

int cmd_list(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	static const char *const headers[] = {"ID", "STATUS", "IMAGE", "CREATED", "PID", "NAME"};
	const struct list_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO(auto_strv) char **cells = NULL;
	json_t *list;

	if (sandboxes_open(&sandboxes, err) < 0 || state_list(sandboxes.state, &rows, err) < 0)
		return -1;
	list = json_array();
	for (size_t i = 0; i < rows.count; i++) {
		if (!is_wanted(options, &rows.rows[i]))
			continue;
		if (options->json)
			json_array_append_new(list, sandboxes_to_json(&rows.rows[i]));
		else
			add_cells(&cells, &rows.rows[i]);
	}
	if (options->json) {
		json_print(list);
		return 0;
	}
	json_decref(list);
	table_print(headers, ARRAY_SIZE(headers), cells);
	return 0;
}
