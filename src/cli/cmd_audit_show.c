// SPDX-License-Identifier: MIT
/*
 * The table of `audit`: see cmd_audit_show.h.  Its columns have fixed widths, since lines are shown
 * as they come.  Whatever is in the file, what a terminal would act on is shown as '?'.
 */
#include "cli/cmd_audit_show.h"

#include "base/buf.h"
#include "gateway/audit_reader.h"

#include <stdio.h>
#include <time.h>

enum { LINE_BYTES = 16 * 1024, HOST_BYTES = 300, KB = 1024, MB = 1024 * 1024 };

static const char columns[] = "%-19s  %-7s  %-7s  %-32s  ";

static void print_line(const struct buf *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->ptr[i];

		putchar(c >= ' ' && c < 0x7f ? c : '?');
	}
	putchar('\n');
}

static void put_id(struct buf *line, const char *id, bool with_id)
{
	if (with_id)
		buf_printf(line, "%-11s  ", id);
}

void audit_show_header(bool with_id)
{
	AUTO_BUF struct buf line = BUF_INIT(LINE_BYTES);

	put_id(&line, "ID", with_id);
	buf_printf(&line, columns, "TIME", "WHAT", "VERDICT", "HOST");
	buf_puts(&line, "DETAILS");
	print_line(&line);
}

static void format_time(uint64_t ms, char ret_text[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
	    strftime(ret_text, 32, "%Y-%m-%d %H:%M:%S", &local) == 0)
		strcpy(ret_text, "-");
}

static void format_host(const json_t *record, char ret_text[HOST_BYTES])
{
	const char *host = audit_text(record, "host");
	unsigned long long port = audit_number(record, "port");
	bool literal = strchr(host, ':');

	if (port == 0)
		snprintf(ret_text, HOST_BYTES, "%s", *host ? host : "-");
	else
		snprintf(ret_text, HOST_BYTES, "%s%s%s:%llu", literal ? "[" : "", host,
			 literal ? "]" : "", port);
}

/* --- details, separated by commas --- */

static void put_separator(struct buf *line, size_t start)
{
	if (line->len > start)
		buf_puts(line, ", ");
}

static void put_detail(struct buf *line, size_t start, const char *before, const char *text)
{
	if (!*text)
		return;
	put_separator(line, start);
	buf_printf(line, "%s%s", before, text);
}

static void put_size(struct buf *line, uint64_t bytes)
{
	if (bytes < KB)
		buf_printf(line, "%u B", (unsigned)bytes);
	else if (bytes < MB)
		buf_printf(line, "%.1f KB", (double)bytes / KB);
	else
		buf_printf(line, "%.1f MB", (double)bytes / MB);
}

static void put_traffic(struct buf *line, size_t start, const json_t *record)
{
	put_separator(line, start);
	put_size(line, audit_number(record, "sent"));
	buf_puts(line, " sent, ");
	put_size(line, audit_number(record, "received"));
	buf_printf(line, " received, %.1f s", (double)audit_number(record, "duration_ms") / 1000);
}

static void put_details(struct buf *line, const json_t *record)
{
	const size_t start = line->len;
	const char *method = audit_text(record, "method");

	put_detail(line, start, "", audit_text(record, "type"));
	if (*method)
		buf_printf(line, "%s %s", method, audit_text(record, "path"));
	put_detail(line, start, "", audit_text(record, "rule"));
	put_detail(line, start, "", audit_text(record, "reason"));
	if (audit_number(record, "status") > 0) {
		put_separator(line, start);
		buf_printf(line, "answered %u", (unsigned)audit_number(record, "status"));
	}
	put_detail(line, start, "at ", audit_text(record, "ip"));
	put_detail(line, start, "", audit_text(record, "error"));
	if (strcmp(audit_text(record, "what"), "end") == 0)
		put_traffic(line, start, record);
}

static void show_remedy(const json_t *record)
{
	AUTO_BUF struct buf line = BUF_INIT(LINE_BYTES);
	const char *remedy = audit_text(record, "remedy");

	if (!*remedy)
		return;
	buf_printf(&line, "    to allow it: %s", remedy);
	print_line(&line);
}

void audit_show(const json_t *record, bool with_id)
{
	AUTO_BUF struct buf line = BUF_INIT(LINE_BYTES);
	const char *verdict = audit_text(record, "verdict");
	char host[HOST_BYTES], time[32];

	format_time(audit_number(record, "time_ms"), time);
	format_host(record, host);
	put_id(&line, audit_text(record, "id"), with_id);
	buf_printf(&line, columns, time, audit_text(record, "what"), *verdict ? verdict : "-",
		   host);
	put_details(&line, record);
	print_line(&line);
	show_remedy(record);
}
