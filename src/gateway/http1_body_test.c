// SPDX-License-Identifier: MIT
#include "gateway/http1_body.h"

#include "base/auto.h"
#include "base/tap.h"

/* "content|what is left over", then "..." if there is more to come; or the error's text.  In pieces
 * of `step` bytes. */
static void check_step(const struct http1_head *head, struct view bytes, size_t step,
		       const char *want)
{
	AUTO_BUF struct buf got = BUF_INIT(1024 * 1024);
	AUTO(http1_body_done) struct http1_body body;
	struct view content;
	struct err err = {0};
	size_t at = 0;

	http1_body_init(&body, head);
	while (at < bytes.len && !body.done) {
		struct view piece = {bytes.ptr + at, MIN(step, bytes.len - at)};
		ssize_t used = http1_body_read(&body, piece, &content, &err);

		if (used < 0) {
			CHECK_STR(err.msg, want);
			return;
		}
		CHECK(used > 0);
		buf_put(&got, content.ptr, content.len);
		at += (size_t)used;
	}
	buf_putc(&got, '|');
	buf_put(&got, bytes.ptr + at, bytes.len - at);
	buf_puts(&got, body.done ? "" : "...");
	CHECK_STR(got.ptr, want);
	CHECK((http1_body_end(&body, &err) == 0) ==
	      (body.done || head->content >= HTTP1_UNTIL_CLOSE));
}

static void check(enum http1_content content, uint64_t length, struct view bytes, const char *want)
{
	struct http1_head head = {.content = content, .length = length};

	for (size_t step = 1; step < 9; step++)
		check_step(&head, bytes, step, want);
	check_step(&head, bytes, bytes.len, want);
}

static void chunked(const char *text, const char *want)
{
	check(HTTP1_CHUNKED, 0, view_of(text), want);
}

static void test_plain(void)
{
	TEST("bodies by length, by the end of the connection, and none");
	check(HTTP1_LENGTH, 5, VIEW_LIT("helloGET"), "hello|GET");
	check(HTTP1_LENGTH, 5, VIEW_LIT("hell"), "hell|...");
	check(HTTP1_LENGTH, 0, VIEW_LIT("GET"), "|GET");
	check(HTTP1_NOTHING, 0, VIEW_LIT("GET"), "|GET");
	check(HTTP1_UNTIL_CLOSE, 0, VIEW_LIT("hello"), "hello|...");
	check(HTTP1_TUNNEL, 0, VIEW_LIT("hello"), "hello|...");
}

static void test_chunks(void)
{
	static const char bad[] = "HTTP: malformed chunks";
	static const char *const malformed[] = {
		"\r\n",
		";x\r\n",
		" 5\r\nhello",
		"5 \r\nhello",
		"5\t;a\r\n",
		"+5\r\n",
		"-5\r\n",
		"0x5\r\n",
		"5\nhello",
		"5\rhello",
		"5\r\r\n",
		"5h\r\n",
		"5;a\nhello",
		"5;a\r;b\r\n",
		"5;\x01\r\n",
		"5\r\nhelloX",
		"g\r\n",
		"5\r\nhello\n0",
		"5\r\nhello\rX",
		"1000000000000000\r\n",
		"00000000000000005\r\n",
		"5\r\nhello0\r\n",
		"5,5\r\n",
		"\n5\r\n",
	};

	TEST("chunks");
	chunked("5\r\nhello\r\n0\r\n\r\nGET", "hello|GET");
	chunked("1\r\na\r\n0a\r\n0123456789\r\n000\r\n\r\n", "a0123456789|");
	chunked("B\r\nhello world\r\n0\r\n\r\n", "hello world|");
	chunked("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", "hello|");
	chunked("5\r\nhel", "hel|...");
	chunked("5\r\nhello\r\n0\r\n\r", "hello|...");
	chunked("fffffffffffffff\r\nx", "x|...");

	TEST("sizes and ends that readers take differently");
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++)
		chunked(malformed[i], bad);
}

static void test_trailers(void)
{
	struct http1_head head = {.content = HTTP1_CHUNKED};
	AUTO(http1_body_done) struct http1_body body;
	struct http1_fields fields;
	struct view content;
	struct err err;

	TEST("a trailer");
	http1_body_init(&body, &head);
	CHECK(http1_body_read(&body, VIEW_LIT("0\r\nSum: 1\r\nX:\r\n\r\nGET"), &content, &err) ==
	      17);
	CHECK(body.done && http1_fields_read((struct view){body.trailer.ptr, body.trailer.len},
					     &fields, &err) == 0);
	CHECK(fields.count == 2 && view_equals(fields.list[0].name, "Sum") &&
	      view_equals(fields.list[0].value, "1"));

	TEST("what no trailer may be");
	chunked("0\r\nContent-Length: 5\r\n\r\n", "HTTP: Content-Length behind the body");
	chunked("0\r\ntransfer-encoding: chunked\r\n\r\n",
		"HTTP: Transfer-Encoding behind the body");
	chunked("0\r\nX: a\n\r\n", "HTTP: a line that does not end in CR and LF");
	chunked("0\r\n\n", "HTTP: a line that does not end in CR and LF");
	chunked("0\r\nX : a\r\n\r\n", "HTTP: a line that is no field");
	chunked("0\r\nGET / HTTP/1.1\r\n\r\n", "HTTP: a line that is no field");
	chunked("0\r\n X: a\r\n\r\n", "HTTP: a line that goes on in the next one");
}

static void test_limits(void)
{
	AUTO_BUF struct buf line = BUF_INIT(65536), trailer = BUF_INIT(65536);

	TEST("limits of a chunk's first line and of a trailer");
	buf_puts(&line, "5;");
	while (line.len <= LIMIT_HTTP_CHUNK_LINE)
		buf_putc(&line, 'x');
	chunked(line.ptr, "HTTP: a chunk's first line over 256 bytes");
	buf_puts(&trailer, "0\r\nX: ");
	while (trailer.len <= LIMIT_HTTP_TRAILER + 3)
		buf_putc(&trailer, 'x');
	chunked(trailer.ptr, "HTTP: a trailer is larger than 8192 bytes");
}

int main(void)
{
	test_plain();
	test_chunks();
	test_trailers();
	test_limits();
	return tap_done();
}
