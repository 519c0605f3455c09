// SPDX-License-Identifier: MIT
/* Samples of `stats`: see cmd_stats_sample.h. */
#include "cli/cmd_stats_sample.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <stdlib.h>
#include <string.h>

static bool is_wanted(const struct sandbox_row *row, char *const *ids)
{
	if (!ids)
		return row->status == SANDBOX_RUNNING;
	for (size_t i = 0; ids[i]; i++) {
		if (strcmp(ids[i], row->id) == 0)
			return true;
	}
	return false;
}

static double cpu_since(const struct stats_sample *before, const struct stats_entry *now)
{
	for (size_t i = 0; i < before->count; i++) {
		if (strcmp(before->entries[i].row->id, now->row->id) == 0)
			return usage_cpu_percent(&before->entries[i].usage, &now->usage);
	}
	return USAGE_UNKNOWN;
}

int stats_sample_take(struct stats_sample *sample, struct sandboxes *sandboxes, char *const *ids,
		      struct err *err)
{
	struct stats_sample now = {0};

	if (state_list(sandboxes->state, &now.rows, err) < 0)
		return -1;
	now.entries = xcalloc(now.rows.count + 1, sizeof(*now.entries));
	for (size_t i = 0; i < now.rows.count; i++) {
		struct stats_entry *entry = &now.entries[now.count];

		if (!is_wanted(&now.rows.rows[i], ids))
			continue;
		entry->row = &now.rows.rows[i];
		usage_read("/proc", sandboxes->home, entry->row, &entry->usage);
		entry->cpu = cpu_since(sample, entry);
		now.count++;
	}
	stats_sample_done(sample);
	*sample = now;
	return 0;
}

void stats_sample_done(struct stats_sample *sample)
{
	sandbox_rows_done(&sample->rows);
	free(sample->entries);
	*sample = (struct stats_sample){0};
}

/* Those that take the same stay newest first, so that the lines of idle ones keep their places. */
static int compare(const void *a, const void *b)
{
	const struct stats_entry *left = a, *right = b;

	if (left->cpu != right->cpu)
		return left->cpu > right->cpu ? -1 : 1;
	return left->row < right->row ? -1 : left->row > right->row;
}

void stats_sample_sort(struct stats_sample *sample)
{
	qsort(sample->entries, sample->count, sizeof(*sample->entries), compare);
}
