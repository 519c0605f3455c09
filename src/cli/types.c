// SPDX-License-Identifier: MIT
/* Values of flags: see types.h.  Numbers are base/text's, CSV records are cli/csv's. */
#include "cli/types.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/text.h"
#include "cli/csv.h"

#include <stdint.h>
#include <stdlib.h>

static int parse_bool(void *field, const char *text, struct err *err)
{
	return text_to_bool(text, field, err);
}

static char *format_bool(const void *field)
{
	return *(const bool *)field ? xstrdup("true") : NULL;
}

static int parse_string(void *field, const char *text, struct err *err ML_UNUSED)
{
	char **string = field;

	free(*string);
	*string = xstrdup(text);
	return 0;
}

static char *format_string(const void *field)
{
	const char *text = *(char *const *)field;

	return text && *text ? text_quoted(text) : NULL;
}

static int parse_int(void *field, const char *text, struct err *err)
{
	return text_to_int(text, field, err);
}

static char *format_int(const void *field)
{
	long long value = *(const int64_t *)field;

	return value ? xasprintf("%lld", value) : NULL;
}

static int parse_float(void *field, const char *text, struct err *err)
{
	return text_to_float(text, field, err);
}

static char *format_float(const void *field)
{
	double value = *(const double *)field;

	return value != 0 ? xasprintf("%g", value) : NULL;
}

static int parse_duration(void *field, const char *text, struct err *err)
{
	return text_to_duration(text, field, err);
}

static char *format_duration(const void *field)
{
	int64_t ns = *(const int64_t *)field;

	return ns ? xasprintf("%gs", (double)ns / 1e9) : NULL;
}

static int parse_list(void *field, const char *text, struct err *err)
{
	return csv_split(text, field, err);
}

static int parse_array(void *field, const char *text, struct err *err ML_UNUSED)
{
	strv_add(field, text);
	return 0;
}

static char *format_list(const void *field)
{
	char *const *list = *(char **const *)field;

	return list && list[0] ? xasprintf("[%s]", list[0]) : NULL;
}

const struct cli_type cli_bool = {
	.expected = "true or false",
	.is_switch = true,
	.parse = parse_bool,
	.format = format_bool,
};
const struct cli_type cli_string = {
	.expected = "a text",
	.parse = parse_string,
	.format = format_string,
};
const struct cli_type cli_int = {
	.expected = "a whole number such as 512",
	.parse = parse_int,
	.format = format_int,
};
const struct cli_type cli_float = {
	.expected = "a number such as 0.5",
	.parse = parse_float,
	.format = format_float,
};
const struct cli_type cli_duration = {
	.expected = "a duration such as 5s or 1m30s",
	.parse = parse_duration,
	.format = format_duration,
};
const struct cli_type cli_list = {
	.expected = "a comma-separated list",
	.is_list = true,
	.parse = parse_list,
	.format = format_list,
};
const struct cli_type cli_array = {
	.expected = "a text",
	.is_list = true,
	.parse = parse_array,
	.format = format_list,
};
