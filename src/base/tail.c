// SPDX-License-Identifier: MIT
/* A window on the end of a byte stream: see tail.h. */
#include "base/tail.h"

#include <string.h>

void tail_put(struct tail *tail, struct view bytes)
{
	size_t keep;

	if (bytes.len >= sizeof(tail->bytes)) {
		memcpy(tail->bytes, bytes.ptr + bytes.len - sizeof(tail->bytes),
		       sizeof(tail->bytes));
		tail->len = sizeof(tail->bytes);
		return;
	}
	keep = MIN(tail->len, sizeof(tail->bytes) - bytes.len);
	memmove(tail->bytes, tail->bytes + tail->len - keep, keep);
	memcpy(tail->bytes + keep, bytes.ptr, bytes.len);
	tail->len = keep + bytes.len;
}

/* The start of the last `max_lines` lines with something in them. */
static size_t lines_start(const struct tail *tail, size_t max_lines)
{
	size_t at = tail->len, lines = 0;
	bool in_line = false;

	while (at > 0) {
		char c = tail->bytes[at - 1];

		if (c == '\n' || c == '\r') {
			if (in_line && ++lines == max_lines)
				return at;
			in_line = false;
		} else {
			in_line = true;
		}
		at--;
	}
	return 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool tail_line_with(const struct tail *tail, const char *mark, struct buf *buf)
{
	size_t len = strlen(mark), at = tail->len;

	while (at > 0 && (tail->len - at < len || memcmp(tail->bytes + at, mark, len) != 0))
		at--;
	if (tail->len - at < len || memcmp(tail->bytes + at, mark, len) != 0)
		return false;
	for (; at < tail->len && tail->bytes[at] != '\n'; at++) {
		if (!is_control(tail->bytes[at]))
			buf_putc(buf, tail->bytes[at]);
	}
	return true;
}

void tail_lines(const struct tail *tail, size_t max_lines, struct buf *buf)
{
	bool gap = false, any = false;

	for (size_t i = lines_start(tail, max_lines); i < tail->len; i++) {
		char c = tail->bytes[i];

		if (c == '\n' || c == '\r') {
			gap = any;
			continue;
		}
		if (is_control(c))
			continue;
		if (gap)
			buf_puts(buf, " | ");
		gap = false;
		any = true;
		buf_putc(buf, c);
	}
}
