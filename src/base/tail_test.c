// SPDX-License-Identifier: MIT
#include "base/tail.h"

#include "base/tap.h"

static void expect(const char *text, size_t lines, const char *want)
{
	struct tail tail = {0};
	struct buf buf = BUF_INIT(8192);

	for (const char *p = text; *p; p++)
		tail_put(&tail, (struct view){p, 1});
	tail_lines(&tail, lines, &buf);
	CHECK_STR(buf.ptr, want);
	buf_done(&buf);
}

int main(void)
{
	struct tail tail = {0};
	struct buf buf = BUF_INIT(8192);
	char big[3 * LIMIT_STDERR_TAIL];

	TEST("the last lines, empty ones not counted, joined into one");
	expect("", 2, "");
	expect("one", 2, "one");
	expect("one\ntwo\r\n\r\nthree\n\n", 2, "two | three");
	expect("one\ntwo\nthree\n", 9, "one | two | three");
	expect("a\033[1mb\a\n", 1, "a[1mb");

	TEST("only the end of a long stream is kept");
	memset(big, 'x', sizeof(big));
	memcpy(big + sizeof(big) - 5, "\nlast", 5);
	tail_put(&tail, (struct view){"first\n", 6});
	tail_put(&tail, (struct view){big, sizeof(big)});
	tail_lines(&tail, 1, &buf);
	CHECK_STR(buf.ptr, "last");
	CHECK(tail.len == LIMIT_STDERR_TAIL);

	TEST("the last line with a mark");
	tail = (struct tail){0};
	buf_clear(&buf);
	CHECK(!tail_line_with(&tail, "panic", &buf));
	tail_put(&tail, view_of("a panic: old\n[1] panic: n\033ew\r\nmore\npani"));
	CHECK(tail_line_with(&tail, "panic", &buf));
	CHECK_STR(buf.ptr, "panic: new");
	buf_clear(&buf);
	CHECK(tail_line_with(&tail, "a pan", &buf));
	CHECK_STR(buf.ptr, "a panic: old");
	CHECK(!tail_line_with(&tail, "no", &buf));
	buf_done(&buf);
	return tap_done();
}
