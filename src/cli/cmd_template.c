// SPDX-License-Identifier: MIT
/*
 * `matchlock template ls`, `rm` and `prune`: what the cache of pre-booted VMs holds.  Removing one
 * costs the next run of its image some time and nothing else; sandboxes that run from it go on.
 */
#include "cli/cmd_template.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/cmd_template_create.h"
#include "cli/complete.h"
#include "cli/images.h"
#include "cli/json_out.h"
#include "cli/table.h"
#include "sandbox/templates.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_SHOWN = 12 };

struct template_ls_options {
	bool json;
};

struct template_rm_options {
	bool all;
};

struct template_prune_options {
	int64_t keep_mb;
	bool keep_given;
};

static const struct cli_option ls_flags[] = {
	{
		.name = "json",
		.help = "print JSON instead of a table, sizes in bytes",
		.type = &cli_bool,
		.offset = offsetof(struct template_ls_options, json),
	},
	{0},
};

static const struct cli_option rm_flags[] = {
	{
		.name = "all",
		.letter = 'a',
		.help = "remove all templates",
		.type = &cli_bool,
		.offset = offsetof(struct template_rm_options, all),
	},
	{0},
};

static const struct cli_option prune_flags[] = {
	{
		.name = "keep",
		.metavar = "MiB",
		.help = "keep the last used templates up to this size instead of the usual limit",
		.type = &cli_int,
		.offset = offsetof(struct template_prune_options, keep_mb),
		.given = offsetof(struct template_prune_options, keep_given),
	},
	{0},
};

static int list(struct template_rows *rows, char **ret_cache_home, struct err *err)
{
	if (path_cache_home(ret_cache_home, err) < 0)
		return -1;
	return templates_list(*ret_cache_home, rows, err);
}

/* --- ls --- */

static const char *state_of(const struct template_row *row)
{
	return row->building ? "building" : "ready";
}

static char *time_text(int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm utc;
	char text[32] = "-";

	if (seconds && gmtime_r(&time, &utc))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &utc);
	return xstrdup(text);
}

static void print_table(const struct template_rows *rows)
{
	static const char *const headers[] = {"KEY",	 "IMAGE", "CPUS",      "MEMORY", "DISK",
					      "NETWORK", "SIZE",  "LAST USED", "STATE"};
	AUTO(auto_strv) char **cells = NULL;

	for (size_t i = 0; i < rows->count; i++) {
		const struct template_row *row = &rows->rows[i];
		const struct template_about *about = &row->about;

		strv_take(&cells, xasprintf("%.*s", KEY_SHOWN, row->key));
		strv_add(&cells, about->image ? about->image : row->complete ? "(any)" : "-");
		strv_take(&cells, xasprintf("%u", about->cpus));
		strv_take(&cells, xasprintf("%u MiB", about->memory_mb));
		strv_take(&cells, about->disk_mb ? xasprintf("%lld MiB", (long long)about->disk_mb)
						 : xstrdup("-"));
		strv_add(&cells, !about->image ? "-" : about->network ? "yes" : "no");
		strv_take(&cells, images_size_text(row->size));
		strv_take(&cells, time_text(row->used_at));
		strv_add(&cells, state_of(row));
	}
	table_print(headers, ARRAY_SIZE(headers), cells);
}

static void print_json(const struct template_rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct template_row *row = &rows->rows[i];
		const struct template_about *about = &row->about;

		json_array_append_new(
			array, json_pack("{ss ss* ss* si si sI sb sI sI ss}", "key", row->key,
					 "image", about->image, "accel", about->accel, "cpus",
					 (int)about->cpus, "memory_mb", (int)about->memory_mb,
					 "disk_mb", (json_int_t)about->disk_mb, "network",
					 about->network, "size", (json_int_t)row->size, "used_at",
					 (json_int_t)row->used_at, "state", state_of(row)));
	}
	json_print(array);
}

static int cmd_ls(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct template_ls_options *options = cli->options;
	AUTO(template_rows_done) struct template_rows rows = {0};
	AUTO_FREE char *cache_home = NULL;

	if (list(&rows, &cache_home, err) < 0)
		return -1;
	if (options->json)
		print_json(&rows);
	else
		print_table(&rows);
	return 0;
}

/* --- rm, prune --- */

/* The one whose key begins so. */
static int find_key(const struct template_rows *rows, const char *start, const char **ret_key,
		    struct err *err)
{
	*ret_key = NULL;
	for (size_t i = 0; i < rows->count; i++) {
		if (!*start || strncmp(rows->rows[i].key, start, strlen(start)) != 0)
			continue;
		if (*ret_key)
			return err_set(err, ERR_INVALID,
				       "several templates begin with \"%s\": give more of the key",
				       start);
		*ret_key = rows->rows[i].key;
	}
	if (!*ret_key)
		return err_set(err, ERR_NOT_FOUND, "template not found: \"%s\"", start);
	return 0;
}

static int cmd_rm(struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct template_rm_options *options = cli->options;
	AUTO(template_rows_done) struct template_rows rows = {0};
	AUTO_FREE char *cache_home = NULL;

	if (options->all == (argc > 0))
		return err_set(err, ERR_INVALID, "give either keys of templates or --all");
	if (list(&rows, &cache_home, err) < 0)
		return -1;
	for (size_t i = 0; options->all && i < rows.count; i++) {
		if (templates_remove(cache_home, rows.rows[i].key, err) < 0)
			return -1;
		printf("Removed %s\n", rows.rows[i].key);
	}
	for (int i = 0; i < argc; i++) {
		const char *key;

		if (find_key(&rows, argv[i], &key, err) < 0 ||
		    templates_remove(cache_home, key, err) < 0)
			return -1;
		printf("Removed %s\n", key);
	}
	return 0;
}

static int cmd_prune(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct template_prune_options *options = cli->options;
	AUTO_FREE char *cache_home = NULL;
	AUTO_FREE char *text = NULL;
	uint64_t keep = LIMIT_TEMPLATES_BYTES, freed;

	if (options->keep_mb < 0)
		return err_set(err, ERR_INVALID, "--keep must not be negative");
	if (options->keep_given)
		keep = (uint64_t)options->keep_mb << 20;
	if (path_cache_home(&cache_home, err) < 0 ||
	    templates_prune(cache_home, keep, &freed, err) < 0)
		return -1;
	text = images_size_text(freed);
	printf("Freed: %s\n", text);
	return 0;
}

static void offer_keys(struct cli_candidates *candidates)
{
	AUTO(template_rows_done) struct template_rows rows = {0};
	AUTO_FREE char *cache_home = NULL;
	struct err ignored;

	if (list(&rows, &cache_home, &ignored) < 0)
		return;
	for (size_t i = 0; i < rows.count; i++)
		cli_offer(candidates, rows.rows[i].key, rows.rows[i].about.image);
}

const struct cli_command template_commands[] = {
	{
		.name = "ls",
		.aliases = {"list"},
		.summary = "list the templates",
		.options = ls_flags,
		.options_size = sizeof(struct template_ls_options),
		.run = cmd_ls,
	},
	{
		.name = "create",
		.operands = "<image>",
		.summary = "make the templates of an image now",
		.text = "Makes the templates from which sandboxes of this image, with these CPUs, "
			"memory and disk size, start at once. Without this, the first run of an "
			"image has them made.",
		.examples = "  matchlock template create alpine:3.20\n"
			    "  matchlock template create --cpus 2 --memory 2048 python:3.12\n",
		.min_args = 1,
		.max_args = 1,
		.options = template_create_flags,
		.options_size = sizeof(struct template_create_options),
		.options_init = template_create_options_init,
		.options_done = template_create_options_done,
		.complete = images_offer_refs,
		.run = cmd_template_create,
	},
	{
		.name = "rm",
		.aliases = {"remove"},
		.operands = "<key>...",
		.summary = "remove templates",
		.text = "Removes templates by their keys, or the beginnings of keys. Sandboxes "
			"that "
			"run from them go on; the next run makes new ones.",
		.max_args = CLI_ANY,
		.options = rm_flags,
		.options_size = sizeof(struct template_rm_options),
		.complete = offer_keys,
		.run = cmd_rm,
	},
	{
		.name = "prune",
		.summary = "remove the templates that were not used for long",
		.text = "Keeps the templates that were used last, up to 4 GiB or --keep, and "
			"removes "
			"the others, with whatever a builder that was killed has left.",
		.options = prune_flags,
		.options_size = sizeof(struct template_prune_options),
		.run = cmd_prune,
	},
	{0},
};
