// SPDX-License-Identifier: MIT
/*
 * `matchlock system df`: the space that images, sandboxes and templates take, and how much of it
 * could be freed: of images by `image prune -a`, of blobs that no image names by `image gc`, of
 * sandboxes that have ended by `gc`, of templates by `template rm --all`.
 */
#include "cli/cmd_system_df.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/images.h"
#include "cli/json_out.h"
#include "cli/table.h"
#include "image/store.h"
#include "image/store_gc.h"
#include "sandbox/templates.h"
#include "state/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

const struct cli_option system_df_flags[] = {
	{
		.name = "json",
		.help = "print JSON instead of a table, sizes in bytes",
		.type = &cli_bool,
		.offset = offsetof(struct system_df_options, json),
	},
	{0},
};

struct df_line {
	const char *type;
	size_t total, active;
	uint64_t size, reclaimable;
};

/* Bytes allocated by the files of one sandbox's directory; its logs/ is the only folder in it. */
static uint64_t folder_size(int dirfd_at, const char *name, int depth)
{
	int fd = openat(dirfd_at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t size = 0;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		size += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth > 0)
			size += folder_size(dirfd(dir), entry->d_name, depth - 1);
	}
	if (dir)
		closedir(dir);
	return size;
}

static int measure_sandboxes(struct df_line *line, struct err *err)
{
	AUTO_FREE char *home = NULL;
	AUTO(auto_state) struct state *state = NULL;
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};

	if (path_state_home(&home, err) < 0 || state_open(home, &state, err) < 0 ||
	    state_list(state, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		AUTO_FREE char *dir = xasprintf("%s/vms/%s", home, rows.rows[i].id);
		bool runs = rows.rows[i].status == SANDBOX_RUNNING;
		uint64_t size = folder_size(AT_FDCWD, dir, 1);

		line->total++;
		line->active += runs;
		line->size += size;
		line->reclaimable += runs ? 0 : size;
	}
	return 0;
}

static int measure_templates(struct df_line *line, struct err *err)
{
	AUTO_FREE char *cache_home = NULL;
	AUTO(template_rows_done) struct template_rows rows = {0};

	if (path_cache_home(&cache_home, err) < 0 || templates_list(cache_home, &rows, err) < 0)
		return -1;
	line->total = rows.count;
	for (size_t i = 0; i < rows.count; i++) {
		line->active += rows.rows[i].building;
		line->size += rows.rows[i].size;
	}
	line->reclaimable = line->size;
	return 0;
}

static void print_table(const struct df_line *lines, size_t count)
{
	static const char *const headers[] = {"TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"};
	AUTO(auto_strv) char **cells = NULL;

	for (size_t i = 0; i < count; i++) {
		strv_add(&cells, lines[i].type);
		strv_take(&cells, xasprintf("%zu", lines[i].total));
		strv_take(&cells, xasprintf("%zu", lines[i].active));
		strv_take(&cells, images_size_text(lines[i].size));
		strv_take(&cells, images_size_text(lines[i].reclaimable));
	}
	table_print(headers, ARRAY_SIZE(headers), cells);
}

static void print_json(const struct df_line *lines, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{ss sI sI sI sI}", "type", lines[i].type,
						      "total", (json_int_t)lines[i].total, "active",
						      (json_int_t)lines[i].active, "size",
						      (json_int_t)lines[i].size, "reclaimable",
						      (json_int_t)lines[i].reclaimable));
	json_print(list);
}

int cmd_system_df(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct system_df_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	struct store_usage usage;
	struct df_line lines[] = {
		{.type = "images"},
		{.type = "unreferenced"},
		{.type = "sandboxes"},
		{.type = "templates"},
	};

	if (images_open(&store, err) < 0 || store_measure(store, &usage, err) < 0 ||
	    measure_sandboxes(&lines[2], err) < 0 || measure_templates(&lines[3], err) < 0)
		return -1;
	lines[0].total = usage.images;
	lines[0].active = usage.images_in_use;
	lines[0].size = usage.size - usage.dangling_size;
	lines[0].reclaimable = usage.size - usage.dangling_size - usage.used;
	lines[1].total = usage.dangling;
	lines[1].size = lines[1].reclaimable = usage.dangling_size;
	if (options->json)
		print_json(lines, ARRAY_SIZE(lines));
	else
		print_table(lines, ARRAY_SIZE(lines));
	return 0;
}
