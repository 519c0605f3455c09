// SPDX-License-Identifier: MIT
/* Connections of a guest to servers, on real sockets: who gets through, and what is recorded. */
#include "gateway/connections_fixture.h"

#include "base/auto.h"
#include "base/limits.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void say_hello(int fd, const char *name)
{
	AUTO_BUF struct buf hello = BUF_INIT(1024);

	put_hello(&hello, name);
	say(fd, (struct view){hello.ptr, hello.len});
}

/* Ends both and lets the gateway see it. */
static void hang_up(struct bed *bed, int guest, int server)
{
	close(guest);
	close(server);
	for (int i = 0; i < 200 && bed->counters.open > 0; i++)
		run_ms(bed, 10);
	CHECK(bed->counters.open == 0);
}

static void test_open(struct bed *bed)
{
	int guest, server;

	TEST("without a list everything public is reached, blindly; what the server says first "
	     "too");
	set_policy(bed, &(struct policy_spec){0});
	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_text(server, "SSH-2.0-server\r\n");
	CHECK_STR(told(bed, guest), "SSH-2.0-server\r\n");
	say_text(guest, "SSH-2.0-guest\r\n");
	CHECK_STR(told(bed, server), "SSH-2.0-guest\r\n");
	shutdown(guest, SHUT_WR);
	CHECK_STR(told(bed, server), "");
	say_text(server, "more");
	CHECK_STR(told(bed, guest), "more");
	hang_up(bed, guest, server);
	CHECK_STR(audited(bed),
		  "{\"what\":\"connect\",\"flow\":1,\"verdict\":\"allow\",\"host\":\"example.com\","
		  "\"port\":22}\n"
		  "{\"what\":\"end\",\"flow\":1,\"host\":\"example.com\",\"port\":22,"
		  "\"ip\":\"2606:4700::1\",\"sent\":15,\"received\":20}\n");
	CHECK(bed->counters.sent == 15 && bed->counters.received == 20);
	CHECK(bed->counters.connections == 1 && bed->counters.denied == 0);
}

static void test_denied(struct bed *bed)
{
	int guest;

	TEST("what is not on the list is reset at once, and nobody is asked for its address");
	set_list(bed, "example.com other.com git.example.com:22");
	bed->asked = 0;
	guest = guest_to(bed, "evil.com", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	CHECK(nobody_called(bed) && bed->asked == 0 && bed->counters.open == 0);
	CHECK_STR(audited(bed), "{\"what\":\"connect\",\"flow\":1,\"verdict\":\"deny\","
				"\"reason\":\"host not in allowlist\","
				"\"remedy\":\"matchlock allow-list add vm-1 evil.com\","
				"\"host\":\"evil.com\",\"port\":443}\n");
	CHECK(bed->counters.denied == 1);

	TEST("so is a synthetic address that no name has, and this host");
	guest = guest_to(bed, "198.19.1.1", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	guest = guest_to(bed, "127.0.0.1", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	CHECK(nobody_called(bed));
	(void)audited(bed);
}

static void test_tls(struct bed *bed)
{
	AUTO_BUF struct buf hello = BUF_INIT(1024);
	int guest, server;

	TEST("TLS reaches the server whose name it says, its hello in pieces of a byte");
	put_hello(&hello, "example.com");
	guest = guest_to(bed, "example.com", 443);
	for (size_t i = 0; i < hello.len; i++) {
		if (i == hello.len - 1)
			CHECK(nobody_called(bed));
		say(guest, (struct view){hello.ptr + i, 1});
		uv_run(&bed->loop, UV_RUN_NOWAIT);
	}
	server = accepted(bed, bed->server_443);
	(void)told_all(bed, server, hello.len);
	CHECK(bed->told.len == hello.len && memcmp(bed->told.ptr, hello.ptr, hello.len) == 0);
	say_text(server, "answer");
	CHECK_STR(told(bed, guest), "answer");
	hang_up(bed, guest, server);
	CHECK(strstr(audited(bed), "{\"what\":\"tls\",\"flow\":4,\"verdict\":\"allow\","
				   "\"rule\":\"allow-host example.com\",\"host\":\"example.com\","
				   "\"port\":443}\n"));

	TEST("a forged name does not, be it allowed or not, nor none at all");
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"other.com", "evil.com", ""};

		guest = guest_to(bed, "example.com", 443);
		say_hello(guest, names[i]);
		CHECK_STR(told(bed, guest), "reset");
		close(guest);
	}
	CHECK(nobody_called(bed));
	CHECK(strstr(audited(bed), "\"verdict\":\"deny\",\"reason\":\"the connection was made to "
				   "example.com\",\"host\":\"other.com\",\"port\":443}\n"));

	TEST("nor does what is no TLS; HTTP is told so");
	guest = guest_to(bed, "example.com", 443);
	say_text(guest, "SSH-2.0-guest\r\n");
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	guest = guest_to(bed, "example.com", 443);
	say_text(guest, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
	CHECK(strstr(told_all(bed, guest, 200), "Blocked by policy: example.com: host not in "
						"allowlist at port 443 for plain HTTP\n"));
	hang_up(bed, guest, -1);
	CHECK(nobody_called(bed));
	(void)audited(bed);
}

static void test_name(struct bed *bed)
{
	int guest, server;

	TEST("host:port passes what the server says first, then anything but a name that is "
	     "denied");
	set_list(bed, "example.com:22 other.com:22");
	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_text(server, "220 hello\r\n");
	CHECK_STR(told(bed, guest), "220 hello\r\n");
	say_text(guest, "S");
	run_ms(bed, 50);
	say_text(guest, "SH-2.0\r\n");
	CHECK_STR(told(bed, server), "SSH-2.0\r\n");
	hang_up(bed, guest, server);

	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_hello(guest, "other.com");
	CHECK(strstr(told_all(bed, server, 40), "\x16\x03\x01"));
	hang_up(bed, guest, server);

	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_hello(guest, "evil.com");
	CHECK_STR(told(bed, guest), "reset");
	CHECK_STR(told(bed, server), "reset");
	hang_up(bed, guest, server);

	TEST("HTTP is judged request by request, there too");
	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_text(guest, "GET / HTTP/1.1\r\nHost: example.com:22\r\n\r\n");
	CHECK_STR(told(bed, server), "GET / HTTP/1.1\r\nHost: example.com:22\r\n\r\n");
	say_text(server, "HTTP/1.1 204 No Content\r\n\r\n");
	CHECK_STR(told(bed, guest), "HTTP/1.1 204 No Content\r\n\r\n");
	say_text(guest, "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
	CHECK(strstr(told_all(bed, guest, 150), "Blocked by policy: evil.com: host not in"));
	CHECK_STR(told(bed, server), "");
	hang_up(bed, guest, server);

	TEST("a server that has spoken is no HTTP server");
	guest = guest_to(bed, "example.com", 22);
	server = accepted(bed, bed->server_22);
	say_text(server, "220 hello\r\n");
	CHECK_STR(told(bed, guest), "220 hello\r\n");
	say_text(guest, "GET / HTTP/1.1\r\nHost: example.com:22\r\n\r\n");
	CHECK_STR(told(bed, guest), "reset");
	hang_up(bed, guest, server);
	CHECK(strstr(audited(bed),
		     "\"error\":\"the server spoke before it was asked\",\"received\":"
		     "11}\n"));
}

static void test_addresses(struct bed *bed)
{
	static const char *const names[] = {"private.com", "mixed.com"};
	int guest, server;

	TEST("a name that leads to a private address, be it only one of several, is denied");
	set_policy(bed, &(struct policy_spec){0});
	for (size_t i = 0; i < 2; i++) {
		guest = guest_to(bed, names[i], 443);
		CHECK_STR(told(bed, guest), "reset");
		close(guest);
		CHECK(strstr(audited(bed), "leads to 10.0.0.1, which is"));
	}
	CHECK(nobody_called(bed));

	TEST("one that nobody knows, or that cannot be resolved, is reset");
	guest = guest_to(bed, "missing.com", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	CHECK(strstr(audited(bed), "\"error\":\"the name has no address\"}"));
	guest = guest_to(bed, "broken.com", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	CHECK(strstr(audited(bed), "\"error\":\"the name cannot be resolved at the moment\"}"));

	TEST("a server that is not there is the connection's end; HTTP is told so");
	guest = guest_to(bed, "dead.com", 443);
	CHECK_STR(told(bed, guest), "reset");
	close(guest);
	CHECK(strstr(audited(bed), "2606:4700::9 (Network is unreachable)"));
	set_list(bed, "dead.com private.com");
	guest = guest_to(bed, "dead.com", 80);
	say_text(guest, "GET / HTTP/1.1\r\nHost: dead.com\r\n\r\n");
	CHECK(strstr(told_all(bed, guest, 150), "HTTP/1.1 502 Bad Gateway\r\n"));
	CHECK(strstr(bed->told.ptr, "Failed to connect: connect to port 80"));
	hang_up(bed, guest, -1);
	guest = guest_to(bed, "private.com", 80);
	say_text(guest, "GET / HTTP/1.1\r\nHost: private.com\r\n\r\n");
	CHECK(strstr(told_all(bed, guest, 250), "HTTP/1.1 403 Forbidden\r\n"));
	CHECK(strstr(bed->told.ptr, "Blocked by policy: private.com: private.com leads to"));
	hang_up(bed, guest, -1);
	(void)audited(bed);

	TEST("a name of --add-host is not looked up");
	set_list(bed, "mapped.corp:22");
	bed->asked = 0;
	guest = guest_to(bed, "mapped.corp", 22);
	server = accepted(bed, bed->server_22);
	say_text(server, "hello");
	CHECK_STR(told(bed, guest), "hello");
	CHECK(bed->asked == 0);
	hang_up(bed, guest, server);
	CHECK(strstr(audited(bed), "\"ip\":\"2606:4700::3\""));
}

static void use_list(struct bed *bed, const char *hosts)
{
	set_list(bed, hosts);
	connections_recheck(bed->at_22);
	connections_recheck(bed->at_80);
	connections_recheck(bed->at_443);
}

static void test_recheck(struct bed *bed)
{
	int tls, server_tls, ssh, server_ssh, web, server_web, held;

	TEST("a change of the policy cuts what it no longer allows, and nothing else");
	(void)audited(bed);
	use_list(bed, "example.com other.com:22 third.com held.com:22");
	tls = guest_to(bed, "example.com", 443);
	say_hello(tls, "example.com");
	server_tls = accepted(bed, bed->server_443);
	(void)told(bed, server_tls);
	ssh = guest_to(bed, "other.com", 22);
	server_ssh = accepted(bed, bed->server_22);
	say_text(ssh, "SSH-2.0-x\r\n");
	(void)told(bed, server_ssh);
	web = guest_to(bed, "third.com", 80);
	say_text(web, "GET / HTTP/1.1\r\nHost: third.com\r\n\r\n");
	server_web = accepted(bed, bed->server_80);
	(void)told(bed, server_web);
	held = guest_to(bed, "held.com", 22);
	run_ms(bed, 50);
	CHECK(bed->counters.open == 4);

	use_list(bed, "example.com other.com:22 third.com");
	CHECK_STR(told(bed, held), "reset");
	use_list(bed, "example.com third.com other.com");
	CHECK_STR(told(bed, ssh), "reset");
	CHECK_STR(told(bed, server_ssh), "reset");
	use_list(bed, "example.com");
	CHECK_STR(told(bed, web), "reset");
	CHECK_STR(told(bed, server_web), "reset");
	say_text(tls, "still here");
	CHECK_STR(told(bed, server_tls), "still here");
	(void)audited(bed);
	use_list(bed, "");
	CHECK_STR(told(bed, tls), "reset");
	CHECK_STR(told(bed, server_tls), "reset");
	CHECK(strstr(audited(bed), "{\"what\":\"tls\",\"flow\":"));
	CHECK(strstr(bed->told.ptr, "\"verdict\":\"deny\",\"reason\":\"host not in allowlist\","
				    "\"remedy\":\"matchlock allow-list add vm-1 example.com\","
				    "\"host\":\"example.com\",\"port\":443}\n"));
	CHECK(strstr(bed->told.ptr, "\"error\":\"the policy has changed\",\"sent\":"));
	close(held);
	close(web);
	close(server_web);
	close(tls);
	close(server_tls);
	hang_up(bed, ssh, server_ssh);

	TEST("what went through unseen is cut when a name is needed from now on");
	set_policy(bed, &(struct policy_spec){0});
	tls = guest_to(bed, "example.com", 443);
	server_tls = accepted(bed, bed->server_443);
	say_text(tls, "bytes");
	CHECK_STR(told(bed, server_tls), "bytes");
	use_list(bed, "example.com *");
	say_text(tls, "more");
	CHECK_STR(told(bed, server_tls), "more");
	use_list(bed, "example.com");
	CHECK_STR(told(bed, tls), "reset");
	hang_up(bed, tls, server_tls);
	(void)audited(bed);
}

static void test_audit_full(void)
{
	struct bed bed;
	int guest;

	TEST("what cannot be recorded is not allowed");
	bed_open(&bed, &(struct bed_spec){.audit = "/dev/full"});
	guest = guest_to(&bed, "example.com", 22);
	CHECK_STR(told(&bed, guest), "reset");
	close(guest);
	CHECK(nobody_called(&bed));
	set_list(&bed, "example.com");
	guest = guest_to(&bed, "example.com", 80);
	say_text(guest, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
	CHECK_STR(told(&bed, guest), "reset");
	close(guest);
	CHECK(nobody_called(&bed) && bed.counters.denied == 2);
	bed_close(&bed);
}

static void test_proxy(void)
{
	static const char asked[] = "CONNECT unknown.com:443 HTTP/1.1\r\nHost: unknown.com:443\r\n";
	struct bed bed;
	int guest, proxy;

	TEST("by the host's proxy a name need not be known here, but may not be private either");
	bed_open(&bed, &(struct bed_spec){.proxy = "http://[2606:4700::3]:80"});
	guest = guest_to(&bed, "unknown.com", 443);
	proxy = accepted(&bed, bed.server_80);
	CHECK(strncmp(told(&bed, proxy), asked, strlen(asked)) == 0);
	say_text(proxy, "HTTP/1.1 200 OK\r\n\r\nhello");
	CHECK_STR(told(&bed, guest), "hello");
	hang_up(&bed, guest, proxy);
	guest = guest_to(&bed, "private.com", 443);
	CHECK_STR(told(&bed, guest), "reset");
	close(guest);
	CHECK(nobody_called(&bed));
	bed_close(&bed);
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
	test_open(&bed);
	test_denied(&bed);
	test_tls(&bed);
	test_name(&bed);
	test_addresses(&bed);
	test_recheck(&bed);
	TEST("everything is given back");
	bed_close(&bed);
	test_audit_full();
	test_proxy();
	return tap_done();
}
