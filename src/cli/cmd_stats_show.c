// SPDX-License-Identifier: MIT
/* What `stats` prints: see cmd_stats_show.h. */
#include "cli/cmd_stats_show.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/images.h"
#include "cli/json_out.h"
#include "cli/table.h"

#include <math.h>

/* `text`, which is made only of what is known. */
#define KNOWN(value, text) ((value) < 0 ? xstrdup("-") : (text))

static char *megabytes(int64_t bytes)
{
	return KNOWN(bytes, images_size_text((uint64_t)bytes));
}

/* "1.5/512.0 MB" */
static char *pair(int64_t left, int64_t right)
{
	AUTO_FREE char *right_text = megabytes(right);

	return KNOWN(left, xasprintf("%.1f/%s", (double)left / (1024 * 1024), right_text));
}

/* Two units: "45s", "12m34s", "3h12m", "2d4h". */
static char *uptime(int64_t seconds)
{
	long long s = seconds, m = s / 60, h = m / 60;

	if (h >= 24)
		return xasprintf("%lldd%lldh", h / 24, h % 24);
	if (h > 0)
		return xasprintf("%lldh%lldm", h, m % 60);
	if (m > 0)
		return xasprintf("%lldm%llds", m, s % 60);
	return KNOWN(seconds, xasprintf("%llds", s));
}

void stats_show_table(const struct stats_sample *sample, FILE *out)
{
	static const char *const headers[] = {"ID",    "NAME",	       "CPU",		"MEMORY",
					      "DISK",  "READ/WRITTEN", "SENT/RECEIVED", "UPTIME",
					      "STATUS"};
	AUTO(auto_strv) char **cells = NULL;

	for (size_t i = 0; i < sample->count; i++) {
		const struct stats_entry *entry = &sample->entries[i];
		const struct usage *usage = &entry->usage;

		strv_add(&cells, entry->row->id);
		strv_add(&cells, *entry->row->name ? entry->row->name : "-");
		strv_take(&cells, KNOWN(entry->cpu, xasprintf("%.1f%%", entry->cpu)));
		strv_take(&cells, pair(usage->memory, usage->memory_limit));
		strv_take(&cells, megabytes(usage->disk));
		strv_take(&cells, pair(usage->read, usage->written));
		strv_take(&cells, pair(usage->sent, usage->received));
		strv_take(&cells, uptime(usage->uptime_s));
		strv_add(&cells, sandbox_status_name(entry->row->status));
	}
	table_write(out, headers, ARRAY_SIZE(headers), cells);
}

static json_t *number(int64_t value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *fraction(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

void stats_show_json(const struct stats_sample *sample)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sample->count; i++) {
		const struct stats_entry *entry = &sample->entries[i];
		const struct usage *usage = &entry->usage;
		json_t *object = json_object();

		json_object_set_new(object, "id", json_string(entry->row->id));
		if (*entry->row->name)
			json_object_set_new(object, "name", json_string(entry->row->name));
		json_object_set_new(object, "status",
				    json_string(sandbox_status_name(entry->row->status)));
		json_object_set_new(object, "cpu_percent", fraction(round(entry->cpu * 10) / 10));
		json_object_set_new(object, "cpus", fraction(usage->cpus));
		json_object_set_new(object, "memory", number(usage->memory));
		json_object_set_new(object, "memory_limit", number(usage->memory_limit));
		json_object_set_new(object, "disk", number(usage->disk));
		json_object_set_new(object, "read", number(usage->read));
		json_object_set_new(object, "written", number(usage->written));
		json_object_set_new(object, "sent", number(usage->sent));
		json_object_set_new(object, "received", number(usage->received));
		json_object_set_new(object, "connections", number(usage->connections));
		json_object_set_new(object, "denied", number(usage->denied));
		json_object_set_new(object, "uptime", number(usage->uptime_s));
		json_array_append_new(list, object);
	}
	json_print(list);
}
