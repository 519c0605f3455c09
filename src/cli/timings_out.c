// SPDX-License-Identifier: MIT
/* The timings of a start as a table for people or a line for scripts: see timings_out.h. */
#include "cli/timings_out.h"

#include "base/alloc.h"
#include "base/text.h"
#include "base/timings.h"
#include "cli/complete.h"
#include "cli/types.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const form_names[] = {
	[TIMINGS_OFF] = "false",
	[TIMINGS_TABLE] = "true",
	[TIMINGS_JSON] = "json",
};

static int parse_form(void *field, const char *text, struct err *err)
{
	enum timings_format *form = field;
	bool on;

	if (strcmp(text, form_names[TIMINGS_JSON]) == 0) {
		*form = TIMINGS_JSON;
		return 0;
	}
	if (text_to_bool(text, &on, err) < 0)
		return -1;
	*form = on ? TIMINGS_TABLE : TIMINGS_OFF;
	return 0;
}

static char *format_form(const void *field)
{
	enum timings_format form = *(const enum timings_format *)field;

	return form == TIMINGS_OFF ? NULL : xstrdup(form_names[form]);
}

const struct cli_type timings_format_type = {
	.expected = "true, false or json",
	.is_switch = true,
	.parse = parse_form,
	.format = format_form,
};

void timings_offer_formats(struct cli_candidates *candidates)
{
	cli_offer(candidates, form_names[TIMINGS_JSON], "one line for scripts");
}

static void print_table(const struct timing *list, size_t count, const char *level)
{
	fprintf(stderr, "%-22s %9s %9s\n", "STEP", "AT ms", "TOOK ms");
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%s%-*s %9.1f %9.1f\n", list[i].guest ? "  guest: " : "",
			list[i].guest ? 13 : 22, list[i].name, (double)list[i].at_us / 1000,
			(double)list[i].took_us / 1000);
	fprintf(stderr, "started by: %s\n", level);
}

static void print_json(const struct timing *list, size_t count, const char *level)
{
	json_t *steps = json_array(), *all;
	char *text;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(steps, json_pack("{ss sb sf sf}", "step", list[i].name,
						       "guest", list[i].guest, "at_ms",
						       (double)list[i].at_us / 1000, "took_ms",
						       (double)list[i].took_us / 1000));
	all = json_pack("{ss so}", "started_by", level, "steps", steps);
	text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(9));
	fprintf(stderr, "%s\n", text ? text : "");
	free(text);
	json_decref(all);
}

void timings_print(const struct timings *timings, enum timings_format form, const char *level)
{
	size_t count;
	const struct timing *list = timings_list(timings, &count);

	if (form == TIMINGS_TABLE)
		print_table(list, count, level);
	if (form == TIMINGS_JSON)
		print_json(list, count, level);
}
