// SPDX-License-Identifier: MIT
/*
 * CSV records: see csv.h.  White space is part of a field.  A record of several lines is refused
 * unless the line breaks are quoted: the reader of the system that we replace dropped all but the
 * first line without a word.
 */
#include "cli/csv.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/strv.h"

#include <string.h>

static int bad_record(const char *record, const char *at, const char *reason, struct err *err)
{
	return err_set(err, ERR_INVALID, "parse error on line 1, column %zu: %s",
		       (size_t)(at - record) + 1, reason);
}

/* The field at `*at`, which starts with a quote; leaves `*at` behind the closing one. */
static int quoted_field(const char *record, const char **at, struct buf *field, struct err *err)
{
	const char *c = *at + 1;

	for (; *c != '"' || c[1] == '"'; c++) {
		if (!*c)
			return bad_record(record, c, "extraneous or missing \" in quoted-field",
					  err);
		if (*c == '"')
			c++;
		buf_putc(field, *c);
	}
	c++;
	if (*c && *c != ',')
		return bad_record(record, c - 1, "extraneous or missing \" in quoted-field", err);
	*at = c;
	return 0;
}

static int plain_field(const char *record, const char **at, struct buf *field, struct err *err)
{
	size_t len = strcspn(*at, ",\"\n");
	const char *end = *at + len;

	if (*end == '"')
		return bad_record(record, end, "bare \" in non-quoted field", err);
	if (*end == '\n')
		return bad_record(record, end, "line break outside quotes", err);
	buf_put(field, *at, len);
	*at = end;
	return 0;
}

int csv_split(const char *record, char ***list, struct err *err)
{
	AUTO(auto_strv) char **fields = NULL;
	const char *at = record;

	if (!*record)
		return 0;
	for (;;) {
		struct buf field AUTO_BUF = BUF_INIT(strlen(at));

		if (*at == '"' ? quoted_field(record, &at, &field, err) < 0
			       : plain_field(record, &at, &field, err) < 0)
			return -1;
		strv_take(&fields, buf_steal(&field, NULL));
		if (!*at)
			break;
		at++; /* the comma */
	}
	for (size_t i = 0; fields[i]; i++)
		strv_add(list, fields[i]);
	return 0;
}
