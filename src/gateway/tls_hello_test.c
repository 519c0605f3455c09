// SPDX-License-Identifier: MIT
/* The argument is a folder with what real clients sent: the corpus of the fuzz target. */
#include "gateway/tls_hello.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/tap.h"

#include <fcntl.h>

enum { HELLO_MAX = 128 * 1024 };

static const char *const verdicts[] = {"more", "not TLS", "no name", "named", "bad"};

/* "verdict name ALPN-length ECH", or "bad: reason"; fed in pieces of `step` bytes. */
static void check_fed(struct view bytes, size_t step, const char *want)
{
	AUTO(tls_hello_done) struct tls_hello hello;
	char got[512];

	tls_hello_init(&hello);
	for (size_t at = 0; at < bytes.len; at += step)
		tls_hello_feed(&hello, (struct view){bytes.ptr + at, MIN(step, bytes.len - at)});
	if (hello.verdict == TLS_HELLO_BAD)
		snprintf(got, sizeof(got), "bad: %s", hello.reason);
	else
		snprintf(got, sizeof(got), "%s %s %zu %d", verdicts[hello.verdict], hello.name,
			 hello.alpn.len, (int)hello.ech);
	CHECK_STR(got, want);
}

static void check(struct view bytes, const char *want)
{
	check_fed(bytes, bytes.len ? bytes.len : 1, want);
	check_fed(bytes, 1, want);
	check_fed(bytes, 7, want);
}

static void put_size(struct buf *buf, size_t size, int bytes)
{
	while (bytes-- > 0)
		buf_putc(buf, (char)(size >> 8 * bytes));
}

/* A handshake message, cut into records of at most `record` bytes. */
static void put_records(struct buf *out, struct view message, size_t record)
{
	for (size_t at = 0; at < message.len; at += record) {
		size_t len = MIN(record, message.len - at);

		buf_put(out, "\x16\3\1", 3);
		put_size(out, len, 2);
		buf_put(out, message.ptr + at, len);
	}
}

/* A ClientHello with these extensions, or with none at all (NULL). */
static void put_hello(struct buf *out, const struct view *extensions, size_t record)
{
	AUTO_BUF struct buf body = BUF_INIT(HELLO_MAX), message = BUF_INIT(HELLO_MAX);
	static const char start[2 + 32 + 1] = {3, 3};

	buf_put(&body, start, sizeof(start));
	buf_put(&body, "\0\2\x13\1\1\0", 6);
	if (extensions) {
		put_size(&body, extensions->len, 2);
		buf_put(&body, extensions->ptr, extensions->len);
	}
	buf_putc(&message, 1);
	put_size(&message, body.len, 3);
	buf_put(&message, body.ptr, body.len);
	put_records(out, (struct view){message.ptr, message.len}, record);
}

static void check_extensions(struct view extensions, const char *want)
{
	AUTO_BUF struct buf hello = BUF_INIT(HELLO_MAX);

	put_hello(&hello, &extensions, 16384);
	check((struct view){hello.ptr, hello.len}, want);
}

static void test_real(const char *folder)
{
	static const struct {
		const char *file, *want;
	} rows[] = {
		{"curl", "named host.example.test 12 0"},
		{"curl-address", "no name  12 0"},
		{"go", "named go.example.test 12 0"}, /* with a key share of ML-KEM */
		{"go-ech", "named public.test 12 1"},
		{"java", "named localhost 12 0"},
		{"openssl-tls12", "named www.example.test 0 0"},
		{"openssl-tls13", "named www.example.test 12 0"},
		{"openssl-no-name", "no name  0 0"},
		{"openssl-small-records", "named split.example.test 780 0"},
		{"python", "named py.example.test 9 0"},
	};
	AUTO_FD int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err;

	TEST("what real clients send, in pieces of any size");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf bytes = BUF_INIT(HELLO_MAX);

		CHECK(fd_read_file(dir, rows[i].file, &bytes, &err) == 0);
		check((struct view){bytes.ptr, bytes.len}, rows[i].want);
		check_fed((struct view){bytes.ptr, bytes.len - 1}, 50, "more  0 0");
	}
}

static void test_not_tls(void)
{
	TEST("what is no TLS is told by its first bytes");
	check(VIEW_LIT(""), "more  0 0");
	check(VIEW_LIT("GET / HTTP/1.1\r\n"), "not TLS  0 0");
	check(VIEW_LIT("SSH-2.0-x\r\n"), "not TLS  0 0");
	check(VIEW_LIT("\x16\x10\0"), "not TLS  0 0");
	check(VIEW_LIT("\x16\1\0\0\0"), "not TLS  0 0");
	check(VIEW_LIT("\x16\1\0\0\1\2"), "not TLS  0 0");
	check(VIEW_LIT("\x13\3\1\0\2"), "not TLS  0 0");
	check(VIEW_LIT("\x17\3\1\0\2"), "not TLS  0 0");
	check(VIEW_LIT("\x15\3\1\0\1"), "not TLS  0 0");
	check(VIEW_LIT("\x15\x10"), "not TLS  0 0");
	check(VIEW_LIT("\x80\x2e\1\3\1"), "not TLS  0 0");
	check(VIEW_LIT("\x16"), "more  0 0");
	check(VIEW_LIT("\x15\3\1\0"), "more  0 0");
}

/* Go's TLS takes each of these, and then the name of the ClientHello behind or in it. */
static void test_careless(void)
{
	TEST("what only a careless server takes for the beginning of TLS");
	check(VIEW_LIT("\x15\3\1\0\2\1\x5a"), "bad: a record before the ClientHello");
	check(VIEW_LIT("\x15\2\1\0\2\1\x5a"), "bad: a record before the ClientHello");
	check(VIEW_LIT("\x14\3\3\0\1\1"), "bad: a record before the ClientHello");
	check(VIEW_LIT("\x16\2\1\0\x7f\1"), "bad: a record of a version that there is not");
	check(VIEW_LIT("\x16\0\0\0\x7f\1"), "bad: a record of a version that there is not");
}

static void test_records(void)
{
	AUTO_BUF struct buf hello = BUF_INIT(HELLO_MAX), tiny = BUF_INIT(HELLO_MAX);
	AUTO_BUF struct buf more = BUF_INIT(HELLO_MAX), large = BUF_INIT(HELLO_MAX);
	static const char zeros[LIMIT_TLS_HELLO];

	TEST("records of one byte, and what they may not be");
	put_hello(&tiny, &VIEW_LIT("\0\0\0\6\0\4\0\0\1a"), 1);
	check((struct view){tiny.ptr, tiny.len}, "named a 0 0");
	tiny.ptr[6] = 0x17;
	check((struct view){tiny.ptr, tiny.len}, "bad: a ClientHello that breaks off");
	check(VIEW_LIT("\x16\3\1\0\0"), "bad: a record of an impossible size");
	check(VIEW_LIT("\x16\3\1\x40\1"), "bad: a record of an impossible size");
	check(VIEW_LIT("\x16\3\1\0\1\2"),
	      "bad: a handshake that does not begin with a ClientHello");

	TEST("a record behind is the caller's, bytes behind in the same record are wrong");
	put_hello(&hello, &VIEW_LIT("\0\0\0\6\0\4\0\0\1a"), 16384);
	buf_put(&hello, "\x14\3\3\0\1\1", 6);
	check((struct view){hello.ptr, hello.len}, "named a 0 0");
	hello.ptr[4]++;
	check((struct view){hello.ptr, hello.len},
	      "bad: bytes behind the ClientHello in its record");

	TEST("no more than the limit is held");
	put_records(&large, (struct view){zeros, sizeof(zeros)}, 16384);
	large.ptr[5] = 1;
	large.ptr[6] = 1;
	check((struct view){large.ptr, large.len}, "bad: too large a ClientHello");
	put_records(&more, VIEW_LIT("\1\0\xff"), 16384);
	check((struct view){more.ptr, more.len}, "more  0 0");
}

static void test_names(void)
{
	static const char no_name[] = "bad: a server name that is no host name";
	static const char no_list[] = "bad: a server name list that is not exactly one host name";

	TEST("one host name, in one form");
	check_extensions(VIEW_LIT("\0\0\0\x0b\0\x09\0\0\6A.TesT"), "named a.test 0 0");
	check_extensions(VIEW_LIT("\0\0\0\x0c\0\x0a\0\0\7a.test."), no_name);
	check_extensions(VIEW_LIT("\0\0\0\x0b\0\x09\0\0\6a\0test"), no_name);
	check_extensions(VIEW_LIT("\0\0\0\x0b\0\x09\0\0\6a test"), no_name);
	check_extensions(VIEW_LIT("\0\0\0\x0c\0\x0a\0\0\7"
				  "1.2.3.4"),
			 no_name);
	check_extensions(VIEW_LIT("\0\0\0\x08\0\6\0\0\3::1"), no_name);
	check_extensions(VIEW_LIT("\0\0\0\5\0\3\0\0\0"), no_name);

	TEST("a list of none, of two, of another type, cut, too long");
	check_extensions(VIEW_LIT("\0\0\0\0"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\2\0\0"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\x0a\0\x08\0\0\1a\0\0\1b"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\6\0\4\1\0\1a"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\6\0\3\0\0\1a"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\7\0\4\0\0\1ab"), no_list);
	check_extensions(VIEW_LIT("\0\0\0\6\0\4\0\0\2a"), no_list);

	TEST("an extension twice");
	check_extensions(VIEW_LIT("\0\0\0\6\0\4\0\0\1a\0\0\0\6\0\4\0\0\1b"),
			 "bad: an extension twice");
	check_extensions(VIEW_LIT("\x0a\x0a\0\0\x0a\x0a\0\0"), "bad: an extension twice");
	check_extensions(VIEW_LIT("\x0a\x0a\0\1"), "bad: malformed extensions");
	check_extensions(VIEW_LIT("\x0a"), "bad: malformed extensions");
	check_extensions(VIEW_LIT(""), "no name  0 0");
}

static void test_others(void)
{
	AUTO_BUF struct buf hello = BUF_INIT(HELLO_MAX), with = BUF_INIT(HELLO_MAX);
	AUTO(tls_hello_done) struct tls_hello read;

	TEST("the protocols offered");
	put_hello(&with, &VIEW_LIT("\0\x10\0\x0e\0\x0c\2h2\x08http/1.1"), 16384);
	tls_hello_init(&read);
	tls_hello_feed(&read, (struct view){with.ptr, with.len});
	CHECK(tls_hello_offers(&read, "h2") && tls_hello_offers(&read, "http/1.1"));
	CHECK(!tls_hello_offers(&read, "h") && !tls_hello_offers(&read, "http/1.0"));
	check_extensions(VIEW_LIT("\0\x10\0\2\0\0"), "bad: malformed protocols (ALPN)");
	check_extensions(VIEW_LIT("\0\x10\0\3\0\1\0"), "bad: malformed protocols (ALPN)");
	check_extensions(VIEW_LIT("\0\x10\0\4\0\2\2h"), "bad: malformed protocols (ALPN)");

	TEST("an encrypted hello");
	check_extensions(VIEW_LIT("\xfe\x0d\0\x0c\0\0\1\0\1\7\0\1e\0\1p"), "no name  0 1");
	check_extensions(VIEW_LIT("\xfe\x0d\0\1\1"), "no name  0 2");
	check_extensions(VIEW_LIT("\xfe\x0d\0\0"), "bad: malformed encrypted hello (ECH)");
	check_extensions(VIEW_LIT("\xfe\x0d\0\1\2"), "bad: malformed encrypted hello (ECH)");
	check_extensions(VIEW_LIT("\xfe\x0d\0\x0a\0\0\1\0\1\7\0\0\0\0"),
			 "bad: malformed encrypted hello (ECH)");
	check_extensions(VIEW_LIT("\xfe\x0d\0\2\1x"), "bad: malformed encrypted hello (ECH)");

	TEST("a hello without extensions, and one that is malformed");
	put_hello(&hello, NULL, 16384);
	check((struct view){hello.ptr, hello.len}, "no name  0 0");
	hello.ptr[5 + 4 + 34] = 33; /* a session id that long cannot be */
	check((struct view){hello.ptr, hello.len}, "bad: malformed ClientHello");
}

int main(int argc, char **argv)
{
	test_real(argc > 1 ? argv[1] : ".");
	test_not_tls();
	test_careless();
	test_records();
	test_names();
	test_others();
	return tap_done();
}
