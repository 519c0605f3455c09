// SPDX-License-Identifier: MIT
#include "gateway/http1.h"

#include "base/tap.h"

#include <stdlib.h>

static const char *const contents[] = {"nothing", "length", "chunked", "until close", "tunnel"};

/* Reads a head that comes byte by byte; it must not be there before its end. */
static ssize_t read_request(const char *text, struct http1_request *request, struct err *err)
{
	struct http1_scan scan = {0};
	size_t size = strlen(text);
	ssize_t used = 0;

	for (size_t len = 0; len <= size && used == 0; len++)
		used = http1_request_read(&scan, (struct view){text, len}, request, err);
	return used;
}

/* "METHOD host:port path content length", then what is set; or the error's text. */
static void check_request(const char *text, const char *want)
{
	struct http1_request request;
	struct err err = {0};
	ssize_t size = read_request(text, &request, &err);
	char got[512] = "more";

	if (size < 0)
		snprintf(got, sizeof(got), "%s", err.msg);
	if (size > 0)
		snprintf(got, sizeof(got), "%.*s %s:%u %.*s %s %llu%s%s", (int)request.method.len,
			 request.method.ptr, request.authority.host, request.authority.port,
			 (int)request.target.path.len, request.target.path.ptr,
			 contents[request.head.content], (unsigned long long)request.head.length,
			 request.head.keep_alive ? " keep" : "", request.upgrade ? " upgrade" : "");
	CHECK_STR(got, want);
	CHECK(size >= 0 || err.code == ERR_PROTOCOL || err.code == ERR_LIMIT);
}

static void check_fields(const char *fields, const char *want)
{
	char text[1024];

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", fields);
	check_request(text, want);
}

static void check_target(const char *line, const char *host, const char *want)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: %s\r\n\r\n", line, host);
	check_request(text, want);
}

static void test_requests(void)
{
	TEST("requests of every kind");
	check_request("GET /where?q=now HTTP/1.1\r\nHost: www.Example.ORG\r\n\r\n",
		      "GET www.example.org:0 /where?q=now nothing 0 keep");
	check_request("POST / HTTP/1.1\r\nHost:a:8080\r\nContent-Length: 5\r\n\r\nhello",
		      "POST a:8080 / length 5 keep");
	check_request("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked \r\n\r\n",
		      "PUT a:0 / chunked 0 keep");
	check_request("GET / HTTP/1.0\r\n\r\n", "GET :0 / nothing 0");
	check_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
		      "GET :0 / nothing 0 keep");
	check_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n",
		      "GET a:0 / nothing 0");
	check_request("M-SEARCH / HTTP/1.1\r\nX: \xc3\xa9\r\nhost: a\r\nEmpty:\r\n\r\n",
		      "M-SEARCH a:0 / nothing 0 keep");
	check_request("GET / HTTP/1.1\r\nHost: a\r\n", "more");
	check_request("", "more");

	TEST("upgrades, but to another HTTP or to TLS");
	check_fields("Connection: Upgrade\r\nUpgrade: websocket",
		     "POST a:0 / nothing 0 keep upgrade");
	check_fields("Upgrade: websocket", "POST a:0 / nothing 0 keep");
	check_fields("Connection: Upgrade", "POST a:0 / nothing 0 keep");
	check_fields("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x",
		     "POST a:0 / nothing 0 keep");
	check_fields("Connection: Upgrade\r\nUpgrade: websocket, TLS/1.0",
		     "POST a:0 / nothing 0 keep");
	check_request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		      "GET :0 / nothing 0");
}

static void test_targets(void)
{
	static const char method[] = "HTTP: a target that its method does not have";
	static const char differs[] = "HTTP: the target's host is not Host";

	TEST("the four forms of a target");
	check_target("OPTIONS *", "a", "OPTIONS a:0  nothing 0 keep");
	check_target("GET http://A.test/b?c", "a.test", "GET a.test:0 /b?c nothing 0 keep");
	check_target("GET HTTP://a.test:80?c", "a.test", "GET a.test:80 ?c nothing 0 keep");
	check_target("GET https://a.test", "a.test:443", "GET a.test:0  nothing 0 keep");
	check_target("CONNECT a.test:443", "a.test:443", "CONNECT a.test:443  nothing 0 keep");
	check_target("CONNECT a.test:8443", "a.test", "CONNECT a.test:8443  nothing 0 keep");
	check_target("CONNECT [2001:DB8::1]:22", "[2001:db8:0::1]:22",
		     "CONNECT 2001:db8::1:22  nothing 0 keep");
	check_target("GET //b.test/", "a", "GET a:0 //b.test/ nothing 0 keep");

	TEST("an absolute target and Host must be the same");
	check_target("GET http://a.test/", "b.test", differs);
	check_target("GET http://a.test:8080/", "a.test", differs);
	check_target("GET http://a.test/", "a.test:443", differs);
	check_target("GET https://a.test/", "a.test:80", differs);
	check_target("CONNECT a.test:443", "a.test:80", differs);
	check_target("CONNECT a.test:443", "b.test:443", differs);

	TEST("forms at the wrong method, and no form");
	check_target("GET *", "a", method);
	check_target("GET a.test:443", "a.test:443", method);
	check_target("CONNECT /", "a", method);
	check_target("CONNECT a.test", "a.test", method);
	check_target("CONNECT a.test:0", "a.test", method);
	check_target("CONNECT http://a.test:80/", "a.test", method);
	check_target("GET ftp://a.test/", "a.test", method);
	check_target("GET http:///x", "a.test", method);
	check_target("GET http://u@a.test/", "a.test", method);
	check_target("GET http:\\\\a.test/", "a.test", method);
	check_target("GET a", "a", method);
	check_target("GET /#x", "a", "HTTP: a target with a character that no target has");
	check_target("GET /\xc3\xa9", "a", "HTTP: a target with a character that no target has");
}

static void test_hosts(void)
{
	static const char *const bad[] = {
		"",	  "a b",   "a/b",	 "u@a",	 "a:",	      "a:0",  "a:65536", "a:080",
		"a:80x",  "a:-1",  "a,b",	 "[a]",	 "[1.2.3.4]", "::1",  "[::1",	 "[::1]x",
		"[::1]:", "1.2.3", "0x7f000001", "a..b", "-a",	      "a%41", "*"};
	char text[256];

	TEST("hosts");
	check_target("GET /", "192.0.2.1", "GET 192.0.2.1:0 / nothing 0 keep");
	check_target("GET /", "[::ffff:192.0.2.1]:81", "GET 192.0.2.1:81 / nothing 0 keep");
	check_target("GET /", "a.test.", "GET a.test:0 / nothing 0 keep");

	TEST("what is no host, none, and two");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_target("GET /", bad[i], "HTTP: a Host that is no host");
	check_request("GET / HTTP/1.1\r\n\r\n", "HTTP: no Host");
	check_request("GET http://a/ HTTP/1.1\r\n\r\n", "HTTP: no Host");
	check_fields("Host: a", "HTTP: Host twice");
	check_request("GET / HTTP/1.0\r\nHost: a\r\nhOST: b\r\n\r\n", "HTTP: Host twice");
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost : a\r\n\r\n");
	check_request(text, "HTTP: a line that is no field");
}

static void test_lines(void)
{
	static const char end[] = "HTTP: a line that does not end in CR and LF";
	static const char field[] = "HTTP: a line that is no field";
	static const char folded[] = "HTTP: a line that goes on in the next one";

	TEST("ends of lines, blanks and control characters");
	check_request("GET / HTTP/1.1\nHost: a\n\n", end);
	check_request("GET / HTTP/1.1\r\nHost: a\n\r\n", end);
	check_request("GET / HTTP/1.1\r\nHost: a\r\n\n", end);
	check_request("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", end);
	check_request("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", end);
	check_fields("X: a\rb", end);
	check_fields("X: \x01", "HTTP: a control character");
	check_fields("X: a\x7f", "HTTP: a control character");
	check_fields("X: a\v", "HTTP: a control character");
	check_fields("X: a\r\n b", folded);
	check_fields("X: a\r\n\tTransfer-Encoding: chunked", folded);
	check_request("GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", folded);
	check_fields("Content-Length : 5", field);
	check_fields("Transfer-Encoding\t: chunked", field);
	check_fields("Content Length: 5", field);
	check_fields(": 5", field);
	check_fields("Content-Length", field);
	check_fields("X\xc3\xa9: 5", field);
	check_fields("(X): 5", field);

	TEST("first lines");
	check_request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: a request without a method");
	check_request("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: a request without a method");
	check_request(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: a request without a method");
	check_request("get / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: a request without a method");
	check_request("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP: a request without a method");
	check_request("GET /\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET / HTTP/01.1\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("GET / http/1.1\r\nHost: a\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_request("PRI * HTTP/2.0\r\n\r\n", "HTTP: not HTTP/1.0 or HTTP/1.1");
}

/* The vectors of published work on request smuggling. */
static void test_two_ends(void)
{
	static const char both[] = "HTTP: both Content-Length and Transfer-Encoding";

	TEST("two ends of one message");
	check_fields("Content-Length: 6\r\nTransfer-Encoding: chunked", both);
	check_fields("Transfer-Encoding: chunked\r\nContent-Length: 0", both);
	check_fields("Transfer-Encoding: cow\r\nContent-Length: 0", both);
	check_fields("Content-Length: 5\r\nContent-Length: 6", "HTTP: Content-Length twice");
	check_fields("Content-Length: 5\r\ncontent-length: 5", "HTTP: Content-Length twice");
	check_fields("Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
		     "HTTP: Transfer-Encoding twice");
	check_fields("Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
		     "HTTP: Transfer-Encoding twice");
	check_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		      "HTTP: Transfer-Encoding in HTTP/1.0");
	check_request("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 9\r\n\r\n",
		      "HTTP: CONNECT with a body");

	TEST("fields that Connection would have dropped");
	check_fields("Connection: content-length", "HTTP: Connection names Content-Length");
	check_fields("Connection: close, HOST", "HTTP: Connection names Host");
	check_fields("Connection: a b", "HTTP: malformed Connection");
	check_fields("Connection: close\r\nConnection: transfer-encoding",
		     "HTTP: Connection names Transfer-Encoding");
}

static void test_delimiters(void)
{
	static const char *const encodings[] = {"xchunked",
						"chunked, identity",
						"identity, chunked",
						"gzip, chunked",
						"chunked, chunked",
						"chunked;q=1",
						"\"chunked\"",
						"chunk",
						"",
						",chunked",
						"chunked,",
						"x chunked",
						"cow"};
	static const char *const lengths[] = {"+5",
					      "-5",
					      "0x5",
					      "5 5",
					      "5,5",
					      "5, 6",
					      "5.0",
					      "",
					      "5;",
					      "1e1",
					      "9223372036854775808",
					      "99999999999999999999999999"};
	char text[256];

	TEST("lengths and encodings that readers take differently");
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		snprintf(text, sizeof(text), "Transfer-Encoding: %s", encodings[i]);
		check_fields(text, "HTTP: a Transfer-Encoding that is not chunked");
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		snprintf(text, sizeof(text), "Content-Length: %s", lengths[i]);
		check_fields(text, "HTTP: a Content-Length that is no number");
	}
	check_fields("Content-Length: 007", "POST a:0 / length 7 keep");
	check_fields("Content-Length: 999999999999999999",
		     "POST a:0 / length 999999999999999999 keep");
}

static void check_response(const char *asked, const char *text, const char *want)
{
	static char copy[65536];
	struct http1_request request = {0};
	struct http1_response response;
	struct http1_scan scan = {0};
	struct err err = {0};
	char got[512] = "more";
	ssize_t size;

	CHECK(read_request(asked, &request, &err) > 0);
	snprintf(copy, sizeof(copy), "%s\r\n\r\n", text);
	size = http1_response_read(&scan, view_of(copy), &request, &response, &err);
	if (size < 0)
		snprintf(got, sizeof(got), "%s", err.msg);
	if (size > 0)
		snprintf(got, sizeof(got), "%u %.*s %s %llu%s", response.status,
			 (int)response.reason.len, response.reason.ptr,
			 contents[response.head.content], (unsigned long long)response.head.length,
			 response.head.keep_alive ? " keep" : "");
	CHECK_STR(got, want);
}

static void test_responses(void)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			  old[] = "GET / HTTP/1.0\r\n\r\n";
	static const char head[] = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char connect[] = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
	static const char upgrade[] =
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

	TEST("what follows a response: RFC 9112, 6.3");
	check_response(get, "HTTP/1.1 200 OK\r\nContent-Length: 3", "200 OK length 3 keep");
	check_response(get, "HTTP/1.1 200 All is well\r\nTransfer-Encoding: chunked",
		       "200 All is well chunked 0 keep");
	check_response(get, "HTTP/1.1 200 OK", "200 OK until close 0");
	check_response(get, "HTTP/1.0 200 OK\r\nContent-Length: 3", "200 OK length 3");
	check_response(get, "HTTP/1.1 200", "200  until close 0");
	check_response(get, "HTTP/1.1 100 Continue", "100 Continue nothing 0 keep");
	check_response(get, "HTTP/1.1 204 None", "204 None nothing 0 keep");
	check_response(get, "HTTP/1.1 204 None\r\nContent-Length: 0", "204 None nothing 0 keep");
	check_response(get, "HTTP/1.1 304 Same\r\nContent-Length: 9", "304 Same nothing 0 keep");
	check_response(head, "HTTP/1.1 200 OK\r\nContent-Length: 9", "200 OK nothing 0 keep");
	check_response(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
		       "200 OK nothing 0 keep");
	check_response(connect, "HTTP/1.1 200 Go", "200 Go tunnel 0");
	check_response(connect, "HTTP/1.1 407 No\r\nContent-Length: 2", "407 No length 2 keep");
	check_response(upgrade, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket",
		       "101 Go tunnel 0");

	TEST("responses that end in two places, or were not asked for");
	check_response(get, "HTTP/1.1 101 Go", "HTTP: an upgrade that was not asked for");
	check_response(upgrade, "HTTP/1.0 101 Go", "HTTP: an upgrade that was not asked for");
	check_response(old, "HTTP/1.1 100 Go", "HTTP: status 100 to HTTP/1.0");
	check_response(get, "HTTP/1.1 204 None\r\nContent-Length: 1",
		       "HTTP: status 204 with a body");
	check_response(get, "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked",
		       "HTTP: status 103 with a body");
	check_response(connect, "HTTP/1.1 200 Go\r\nContent-Length: 5",
		       "HTTP: status 200 with a body");
	check_response(get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
		       "HTTP: both Content-Length and Transfer-Encoding");
	check_response(get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5",
		       "HTTP: Content-Length twice");
	check_response(get, "HTTP/1.1 20 OK", "HTTP: a response without a status");
	check_response(get, "HTTP/1.1 2000 OK", "HTTP: a response without a status");
	check_response(get, "HTTP/1.1 2x0 OK", "HTTP: a response without a status");
	check_response(get, "HTTP/1.1 099 OK", "HTTP: a response without a status");
	check_response(get, "HTTP/1.1  200 OK", "HTTP: a response without a status");
	check_response(get, "HTTP/2 200 OK", "HTTP: not HTTP/1.0 or HTTP/1.1");
	check_response(get, "ICY 200 OK", "HTTP: not HTTP/1.0 or HTTP/1.1");
}

static void check_size(size_t line, size_t lines, const char *want)
{
	AUTO_BUF struct buf text = BUF_INIT(1024 * 1024);

	buf_puts(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
	while (lines-- > 0) {
		buf_puts(&text, "X:");
		for (size_t i = 4; i < line; i++)
			buf_putc(&text, 'x');
		buf_puts(&text, "\r\n");
	}
	buf_puts(&text, "\r\n");
	CHECK(!text.failed);
	check_request(text.ptr, want);
}

static void test_limits(void)
{
	static const char good[] = "GET a:0 / nothing 0 keep";

	TEST("limits of a line, of their number, of all");
	check_size(LIMIT_HTTP_LINE, 1, good);
	check_size(LIMIT_HTTP_LINE + 1, 1, "HTTP: a line longer than 16384 bytes");
	check_size(5, LIMIT_HTTP_FIELDS - 1, good);
	check_size(5, LIMIT_HTTP_FIELDS, "HTTP: more than 128 fields");
	check_size(LIMIT_HTTP_LINE, 4, "HTTP: a head larger than 65536 bytes");
}

static void test_guess(void)
{
	TEST("what looks like HTTP to a careless server");
	CHECK(http1_guess(VIEW_LIT("")) == HTTP1_UNSURE);
	CHECK(http1_guess(VIEW_LIT("GET / HT")) == HTTP1_UNSURE);
	CHECK(http1_guess(VIEW_LIT("GET / HTTP/")) == HTTP1_YES);
	CHECK(http1_guess(VIEW_LIT("\r\n\n get\t/ http/1")) == HTTP1_YES);
	CHECK(http1_guess(VIEW_LIT("PRI * HTTP/2.0\r\n")) == HTTP1_YES);
	CHECK(http1_guess(VIEW_LIT("GET http://a.test/ \r\n")) == HTTP1_YES);
	CHECK(http1_guess(VIEW_LIT("GET\tx://a.test/\n")) == HTTP1_YES);
	CHECK(http1_guess(VIEW_LIT("GET http://a.test/")) == HTTP1_UNSURE);
	CHECK(http1_guess(VIEW_LIT("GET /\r\n")) == HTTP1_NO);
	CHECK(http1_guess(VIEW_LIT("OPTIONS rtsp://a.test/ RTSP/1.0\r\n")) == HTTP1_NO);
	CHECK(http1_guess(VIEW_LIT("\r\n")) == HTTP1_UNSURE);
	CHECK(http1_guess(VIEW_LIT("SSH-2.0-x\r\n")) == HTTP1_NO);
	CHECK(http1_guess(VIEW_LIT("EHLO a\r\nGET / HTTP/1.1\r\n")) == HTTP1_NO);
	CHECK(http1_guess(VIEW_LIT("\0\0\0\x08\x04\xd2\x16\x2f")) == HTTP1_NO);
}

/* Servers that read such a line would find a Host behind it. */
static void check_long_guess(const char *begin, size_t len, enum http1_guess want)
{
	AUTO_BUF struct buf line = BUF_INIT(2 * LIMIT_HTTP_LINE);

	buf_puts(&line, begin);
	while (line.len < len)
		buf_putc(&line, 'a');
	CHECK(http1_guess((struct view){line.ptr, line.len}) == want);
	buf_putc(&line, '\n');
	CHECK(http1_guess((struct view){line.ptr, line.len}) ==
	      (want == HTTP1_YES ? HTTP1_YES : HTTP1_NO));
}

static void check_long_blank(size_t len, enum http1_guess want)
{
	AUTO_BUF struct buf line = BUF_INIT(2 * LIMIT_HTTP_LINE);

	while (line.len < len)
		buf_putc(&line, '\n');
	CHECK(http1_guess((struct view){line.ptr, line.len}) == want);
}

static void test_long_guess(void)
{
	TEST("a request line longer than any is one all the same");
	check_long_guess("GET /", LIMIT_HTTP_LINE, HTTP1_UNSURE);
	check_long_guess("GET /", LIMIT_HTTP_LINE + 1, HTTP1_YES);
	check_long_guess("get\t/", LIMIT_HTTP_LINE + 1, HTTP1_YES);
	check_long_blank(LIMIT_HTTP_LINE, HTTP1_UNSURE);
	check_long_blank(LIMIT_HTTP_LINE + 1, HTTP1_YES);
	check_long_guess("{\"a\": ", LIMIT_HTTP_LINE + 1, HTTP1_NO);
	check_long_guess("a", LIMIT_HTTP_LINE + 1, HTTP1_NO);
}

int main(void)
{
	test_requests();
	test_targets();
	test_hosts();
	test_lines();
	test_two_ends();
	test_delimiters();
	test_responses();
	test_limits();
	test_guess();
	test_long_guess();
	return tap_done();
}
