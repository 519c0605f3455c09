// SPDX-License-Identifier: MIT
/* HTTP of a guest to servers, through the whole of the gateway's connections. */
#include "gateway/connections_fixture.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"

#include <sys/socket.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct pair {
	int guest, server;
};

/* A guest whose first request has reached the server. */
static struct pair begin(struct bed *bed, const char *request)
{
	struct pair pair = {guest_to(bed, "example.com", 80), -1};

	say_text(pair.guest, request);
	pair.server = accepted(bed, bed->server_80);
	CHECK_STR(told_all(bed, pair.server, strlen(request)), request);
	return pair;
}

static void answers(struct bed *bed, struct pair pair, const char *response)
{
	say_text(pair.server, response);
	CHECK_STR(told_all(bed, pair.guest, strlen(response)), response);
}

static void asks(struct bed *bed, struct pair pair, const char *request)
{
	say_text(pair.guest, request);
	CHECK_STR(told_all(bed, pair.server, strlen(request)), request);
}

static void hang_up(struct bed *bed, struct pair pair)
{
	if (pair.guest >= 0)
		close(pair.guest);
	if (pair.server >= 0)
		close(pair.server);
	for (int i = 0; i < 200 && bed->counters.open > 0; i++)
		run_ms(bed, 10);
	CHECK(bed->counters.open == 0);
}

static void test_exchanges(struct bed *bed)
{
	struct pair pair;

	TEST("requests and responses pass as they are, one after the other");
	pair = begin(bed, GET);
	answers(bed, pair, OK);
	asks(bed, pair, "HEAD /x HTTP/1.1\r\nhOsT:example.com:80\r\n\r\n");
	answers(bed, pair, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
	asks(bed, pair, "POST /y?q HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nbody");
	answers(bed, pair, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
	asks(bed, pair,
	     "PUT /z HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "5;ext\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
	answers(bed, pair,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
	asks(bed, pair, GET);
	answers(bed, pair, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	close(pair.server);
	pair.server = -1;
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);
	CHECK_STR(audited(bed),
		  "{\"what\":\"connect\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80}\n"
		  "{\"what\":\"http\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80,\"method\":\"GET\","
		  "\"path\":\"/\"}\n"
		  "{\"what\":\"http\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80,\"method\":\"HEAD\","
		  "\"path\":\"/x\"}\n"
		  "{\"what\":\"http\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80,\"method\":\"POST\","
		  "\"path\":\"/y?q\"}\n"
		  "{\"what\":\"http\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80,\"method\":\"PUT\","
		  "\"path\":\"/z\"}\n"
		  "{\"what\":\"http\",\"flow\":1,\"verdict\":\"allow\",\"rule\":\"allow-host "
		  "example.com\",\"host\":\"example.com\",\"port\":80,\"method\":\"GET\","
		  "\"path\":\"/\"}\n"
		  "{\"what\":\"end\",\"flow\":1,\"host\":\"example.com\",\"port\":80,"
		  "\"ip\":\"2606:4700::1\",\"sent\":274,\"received\":219}\n");

	TEST("100 Continue, then the body, then the answer");
	pair = begin(bed, "POST / HTTP/1.1\r\nHost: example.com\r\nExpect: 100-continue\r\n"
			  "Content-Length: 4\r\n\r\n");
	answers(bed, pair, "HTTP/1.1 100 Continue\r\n\r\n");
	asks(bed, pair, "body");
	answers(bed, pair, "HTTP/1.1 103 Early Hints\r\n\r\n" OK);
	asks(bed, pair, GET);
	hang_up(bed, pair);

	TEST("requests that are sent at once reach the server one by one");
	pair = begin(bed, GET);
	say_text(pair.guest, GET GET);
	run_ms(bed, 50);
	CHECK(recv(pair.server, (char[1]){0}, 1, MSG_DONTWAIT) < 0);
	answers(bed, pair, OK);
	CHECK_STR(told_all(bed, pair.server, strlen(GET)), GET);
	run_ms(bed, 50);
	CHECK(recv(pair.server, (char[1]){0}, 1, MSG_DONTWAIT) < 0);
	answers(bed, pair, OK);
	CHECK_STR(told_all(bed, pair.server, strlen(GET)), GET);
	hang_up(bed, pair);

	TEST("a guest that has asked its last question still gets the answer");
	pair = begin(bed, GET);
	shutdown(pair.guest, SHUT_WR);
	run_ms(bed, 50);
	answers(bed, pair, OK);
	CHECK_STR(told(bed, pair.guest), "");
	CHECK_STR(told(bed, pair.server), "");
	hang_up(bed, pair);

	TEST("Connection: close ends it after the response");
	pair = begin(bed, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
	answers(bed, pair, OK);
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);

	TEST("after 101 all bytes pass, and the end of each side");
	pair = begin(bed, "GET /ws HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"
			  "Upgrade: websocket\r\n\r\n");
	answers(bed, pair,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
		"Upgrade: websocket\r\n\r\n\x81\x01x");
	asks(bed, pair, "\x81\x81zzzzy");
	answers(bed, pair, "\x88");
	shutdown(pair.server, SHUT_WR);
	CHECK_STR(told(bed, pair.guest), "");
	asks(bed, pair, "bye");
	shutdown(pair.guest, SHUT_WR);
	CHECK_STR(told(bed, pair.server), "");
	hang_up(bed, pair);
	(void)audited(bed);
}

static void test_denials(struct bed *bed)
{
	struct pair pair = {-1, -1};

	TEST("a host that is not on the list is told why, and what would allow it");
	pair.guest = guest_to(bed, "evil.com", 80);
	say_text(pair.guest, "GET /secret HTTP/1.1\r\nHost: evil.com\r\n\r\n");
	CHECK_STR(told_all(bed, pair.guest, 195),
		  "HTTP/1.1 403 Forbidden\r\n"
		  "Content-Type: text/plain\r\n"
		  "Content-Length: 103\r\n"
		  "Connection: close\r\n"
		  "\r\n"
		  "Blocked by policy: evil.com: host not in allowlist\n"
		  "To allow it: matchlock allow-list add vm-1 evil.com\n");
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);
	CHECK(nobody_called(bed));
	CHECK_STR(audited(bed),
		  "{\"what\":\"http\",\"flow\":7,\"verdict\":\"deny\",\"reason\":\"host not in "
		  "allowlist\",\"remedy\":\"matchlock allow-list add vm-1 evil.com\","
		  "\"host\":\"evil.com\",\"port\":80,\"method\":\"GET\",\"path\":\"/secret\","
		  "\"status\":403}\n");

	TEST("also when it said so late, to HEAD, and with a body on the way");
	pair.guest = guest_to(bed, "evil.com", 80);
	say_text(pair.guest, "HEAD / HTTP/1.1\r\nHost: evil.com\r\nContent-Length: 9\r\n\r\n123");
	CHECK(strstr(told(bed, pair.guest), "HTTP/1.1 403 Forbidden\r\n"));
	CHECK_STR(bed->told.ptr + bed->told.len - 4, "\r\n\r\n");
	say_text(pair.guest, "456789");
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);

	TEST("a second request to another host does not pass, though both are allowed");
	pair = begin(bed, GET);
	answers(bed, pair, OK);
	say_text(pair.guest, "GET / HTTP/1.1\r\nHost: other.com\r\n\r\n");
	CHECK(strstr(told_all(bed, pair.guest, 150), "HTTP/1.1 403 Forbidden\r\n"));
	CHECK(strstr(bed->told.ptr, "other.com: the connection was made to example.com\n"));
	CHECK_STR(told(bed, pair.server), "");
	hang_up(bed, pair);

	TEST("nor does CONNECT");
	pair.server = -1;
	pair.guest = guest_to(bed, "example.com", 80);
	say_text(pair.guest, "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n");
	CHECK(strstr(told_all(bed, pair.guest, 150), "CONNECT is not passed on"));
	hang_up(bed, pair);
	CHECK(nobody_called(bed));

	TEST("where the destination is denied it is what is told, whatever the Host");
	(void)audited(bed);
	pair.guest = guest_to(bed, "10.0.0.1", 80);
	say_text(pair.guest, GET);
	CHECK(strstr(told_all(bed, pair.guest, 150),
		     "Blocked by policy: 10.0.0.1:80: host not in allowlist\n"));
	hang_up(bed, pair);
	CHECK(strstr(audited(bed), "\"host\":\"10.0.0.1\",\"port\":80,\"method\":\"GET\""));

	TEST("what is denied and is no HTTP is reset");
	pair.guest = guest_to(bed, "evil.com", 80);
	say_text(pair.guest, "SSH-2.0-x\r\n");
	CHECK_STR(told(bed, pair.guest), "reset");
	hang_up(bed, pair);
	(void)audited(bed);
}

static void test_smuggling(struct bed *bed)
{
	static const char *const bad[] = {
		"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\nContent-Length: "
		"5\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: example.com\r\nHost: evil.com\r\n\r\n",
		"GET http://evil.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: example.com\r\nX: a\n\r\nGET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : example.com\r\n\r\n",
		"GET / HTTP/1.1\nHost: example.com\n\n",
		" GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
	};
	struct pair pair = {-1, -1};

	TEST("requests with two meanings are refused before anybody is connected to");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		pair.guest = guest_to(bed, "example.com", 80);
		say_text(pair.guest, bad[i]);
		CHECK(strstr(told(bed, pair.guest), "HTTP/1.1 400 Bad Request\r\n"));
		hang_up(bed, pair);
	}
	CHECK(nobody_called(bed));
	CHECK(strstr(audited(bed),
		     "\"error\":\"HTTP: both Content-Length and Transfer-Encoding\""));

	TEST("and behind a good one, or in its body, the server sees nothing of them");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		pair = begin(bed, GET);
		say_text(pair.guest, bad[i]);
		answers(bed, pair, OK);
		CHECK(strstr(told(bed, pair.guest), "HTTP/1.1 400 Bad Request\r\n"));
		CHECK_STR(told(bed, pair.server), "");
		hang_up(bed, pair);
	}
	pair = begin(bed, "POST / HTTP/1.1\r\nHost: example.com\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n");
	say_text(pair.guest, "4\nGET \r\n0\r\n\r\n");
	CHECK_STR(told(bed, pair.server), "reset");
	CHECK_STR(told(bed, pair.guest), "reset");
	hang_up(bed, pair);

	TEST("a request in the body that an early answer leaves over never becomes one");
	pair = begin(bed, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n");
	say_text(pair.server, OK);
	CHECK_STR(told_all(bed, pair.guest, strlen(OK)), OK);
	CHECK_STR(told(bed, pair.guest), "");
	say_text(pair.guest, "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
	CHECK_STR(told(bed, pair.server), "");
	hang_up(bed, pair);
	(void)audited(bed);
}

static void test_servers(struct bed *bed)
{
	static const char *const bad[] = {
		"220 hello\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	};
	struct pair pair;

	TEST("a server that speaks nonsense is answered for");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		pair = begin(bed, GET);
		say_text(pair.server, bad[i]);
		CHECK(strstr(told(bed, pair.guest), "HTTP/1.1 502 Bad Gateway\r\n"));
		hang_up(bed, pair);
	}
	pair = begin(bed, GET);
	close(pair.server);
	pair.server = -1;
	CHECK(strstr(told_all(bed, pair.guest, 150), "the server ended before it had answered"));
	hang_up(bed, pair);

	TEST("one that ends between two requests just ends, so that clients try again");
	pair = begin(bed, GET);
	answers(bed, pair, OK);
	close(pair.server);
	pair.server = -1;
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);
	pair = begin(bed, GET);
	answers(bed, pair, OK);
	asks(bed, pair, GET);
	close(pair.server);
	pair.server = -1;
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);

	TEST("half a response never looks like a whole one");
	pair = begin(bed, GET);
	answers(bed, pair, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
	close(pair.server);
	pair.server = -1;
	CHECK_STR(told(bed, pair.guest), "reset");
	hang_up(bed, pair);

	TEST("a response that nobody asked for does not pass");
	pair = begin(bed, GET);
	say_text(pair.server, OK OK);
	CHECK_STR(told_all(bed, pair.guest, strlen(OK)), OK);
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);
	pair = begin(bed, GET);
	answers(bed, pair, OK);
	say_text(pair.server, OK);
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);

	TEST("a guest that goes away in the middle takes the server's connection with it");
	pair = begin(bed, GET);
	say_text(pair.server, "HTTP/1.1 200 OK\r\n\r\n");
	(void)told(bed, pair.guest);
	setsockopt(pair.guest, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
		   sizeof(struct linger));
	close(pair.guest);
	pair.guest = -1;
	CHECK_STR(told(bed, pair.server), "reset");
	hang_up(bed, pair);

	TEST("the answer of a server that takes no more of the request still arrives");
	pair = begin(bed, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 9\r\n\r\n");
	say_text(pair.guest, "123");
	CHECK_STR(told(bed, pair.server), "123");
	say_text(pair.guest, "4");
	for (int i = 0; i < 20; i++)
		uv_run(&bed->loop, UV_RUN_NOWAIT);
	say_text(pair.server, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	close(pair.server); /* with a byte unread: a reset */
	pair.server = -1;
	say_text(pair.guest, "5");
	CHECK_STR(told(bed, pair.guest), "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	CHECK_STR(told(bed, pair.guest), "");
	hang_up(bed, pair);
	(void)audited(bed);
}

/* The other side does not read: what the gateway holds stays bounded, and all of it arrives. */
static void test_bulk(struct bed *bed)
{
	enum { SIZE = 64 * 1024 * 1024, PIECE = 65536 };
	static char piece[PIECE];
	struct pair pair = begin(bed, GET);
	size_t sent = 0, received = 0, held;
	ssize_t len = 0;

	TEST("a slow guest holds a fast server back, and gets every byte");
	answers(bed, pair, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
	for (int calm = 0; calm<20; calm = len> 0 ? 0 : calm + 1) {
		len = send(pair.server, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += len > 0 ? (size_t)len : 0;
		run_ms(bed, len > 0 ? 0 : 5);
	}
	held = sent;
	CHECK(held < SIZE / 2);
	while (received < SIZE && (len = recv(pair.guest, piece, PIECE, MSG_DONTWAIT)) != 0) {
		received += len > 0 ? (size_t)len : 0;
		len = send(pair.server, piece, MIN((size_t)PIECE, SIZE - sent),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += len > 0 ? (size_t)len : 0;
		uv_run(&bed->loop, UV_RUN_NOWAIT);
	}
	CHECK(sent == SIZE && received == SIZE);
	asks(bed, pair, GET);
	answers(bed, pair, OK);
	hang_up(bed, pair);
	printf("# the sockets and the gateway held %zu KiB\n", held / 1024);
}

int main(void)
{
	struct bed bed;

	TEST("a network of the test's own");
	if (!enter_namespace()) {
		SKIP("no user namespaces");
		return tap_done();
	}
	bed_open(&bed, &(struct bed_spec){0});
	set_list(&bed, "example.com other.com");
	test_exchanges(&bed);
	test_denials(&bed);
	test_smuggling(&bed);
	test_servers(&bed);
	test_bulk(&bed);
	TEST("everything is given back");
	bed_close(&bed);
	return tap_done();
}
