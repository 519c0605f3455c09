// SPDX-License-Identifier: MIT
/* Tests of the guest's name server: types, rules, failures, messages, rates. */
#include "gateway/dns_server.h"

#include "base/strv.h"
#include "gateway/dns_fixture.h"
#include "gateway/sockets_test.h"

#include <errno.h>
#include <signal.h>

static void test_types(void)
{
	struct bed bed;

	bed_open(&bed, 100, NULL);
	TEST("without a list a name that exists gets an address of its own, for every type an "
	     "honest answer");
	CHECK_STR(told(&bed, "one.example", DNS_A), "NOERROR 198.18.0.1");
	CHECK_STR(told(&bed, "six.example", DNS_A), "NOERROR 198.18.0.2");
	CHECK_STR(told(&bed, "one.example", DNS_A), "NOERROR 198.18.0.1");
	CHECK_STR(told(&bed, "one.example", DNS_AAAA), "NOERROR");
	CHECK_STR(told(&bed, "one.example", DNS_HTTPS), "NOERROR");
	CHECK_STR(told(&bed, "one.example", DNS_SVCB), "NOERROR");
	CHECK_STR(told(&bed, "one.example", DNS_SOA), "NOERROR");
	CHECK_STR(told(&bed, "one.example", 4242), "NOERROR");
	CHECK_STR(told(&bed, "empty.example", DNS_A), "NOERROR");
	CHECK_STR(told(&bed, "missing.example", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "missing.example", DNS_AAAA), "NXDOMAIN");
	CHECK_STR(told(&bed, "missing.example", DNS_TXT), "NXDOMAIN");
	CHECK_STR(told(&bed, "broken.example", DNS_A), "SERVFAIL");
	CHECK_STR(told(&bed, "one.example", DNS_TXT), "NOERROR hello");
	CHECK_STR(told(&bed, "one.example", DNS_MX), "NOERROR");
	CHECK_STR(told(&bed, "", DNS_NS), "NOERROR");
	CHECK(audited(&bed, "\"host\":\"one.example\",\"type\":\"TYPE4242\"") == 1);

	TEST("questions are sent once, and what was recorded is not recorded again at once");
	CHECK(bed.asked == 8);
	CHECK(audited(&bed, "\"host\":\"one.example\",\"type\":\"A\"") == 1);
	CHECK(bed.counters.denied == 1); /* the root */

	TEST("PTR of a given address is its name; others do not exist, and nobody is asked");
	CHECK_STR(told(&bed, "2.0.18.198.in-addr.arpa", DNS_PTR), "NOERROR six.example");
	CHECK_STR(told(&bed, "9.0.18.198.in-addr.arpa", DNS_PTR), "NXDOMAIN");
	CHECK_STR(told(&bed, "8.8.8.8.in-addr.arpa", DNS_PTR), "NXDOMAIN");
	CHECK_STR(told(&bed, "_http._tcp.example.org", DNS_PTR), "NXDOMAIN");
	CHECK(bed.asked == 8);
	bed_close(&bed);
}

static void test_rules(void)
{
	const char *hosts = "*.example:22 good.org printer.local db";
	struct bed bed;

	bed_open(&bed, 100, NULL);
	TEST("local names are not sent out unless the list means them");
	CHECK_STR(told(&bed, "localhost", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "db", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "printer.local", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "metadata.google.internal", DNS_TXT), "NXDOMAIN");
	CHECK(bed.asked == 0);
	CHECK(audited(&bed, "is a local name") == 4);
	set_list(&bed, "*");
	CHECK_STR(told(&bed, "printer.local", DNS_A), "NXDOMAIN");
	CHECK(bed.asked == 0);
	set_list(&bed, hosts);
	CHECK_STR(told(&bed, "printer.local", DNS_A), "NOERROR 198.18.0.1");
	CHECK_STR(told(&bed, "DB", DNS_A), "NOERROR 198.18.0.2");
	CHECK(was_asked(&bed, "printer.local") && was_asked(&bed, "db"));

	TEST("what the list does not have is NXDOMAIN for every type, and sent nowhere");
	bed.asked = 0;
	CHECK_STR(told(&bed, "secret-data.evil.org", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "secret-data.evil.org", DNS_TXT), "NXDOMAIN");
	CHECK_STR(told(&bed, "secret-data.evil.org", DNS_AAAA), "NXDOMAIN");
	CHECK_STR(told(&bed, "secret-data.evil.org", DNS_CNAME), "NXDOMAIN");
	CHECK_STR(told(&bed, "sub.good.org", DNS_MX), "NXDOMAIN");
	CHECK_STR(told(&bed, "example", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "127.1", DNS_A), "NXDOMAIN");
	CHECK_STR(told(&bed, "a-.org", DNS_A), "NXDOMAIN");
	CHECK(bed.asked == 0);
	CHECK(audited(&bed, "\"verdict\":\"deny\"") >= 8);
	CHECK(audited(&bed, "matchlock allow-list add vm-1 secret-data.evil.org") == 4);

	TEST("what it has is answered, whatever the port");
	CHECK_STR(told(&bed, "a.example", DNS_A), "NOERROR 198.18.0.3");
	CHECK_STR(told(&bed, "GOOD.org", DNS_TXT), "NOERROR hello");
	CHECK(audited(&bed, "\"rule\":\"allow-host *.example:22\"") == 1);

	TEST("an emptied list denies");
	set_list(&bed, "");
	bed.asked = 0;
	CHECK_STR(told(&bed, "good.org", DNS_A), "NXDOMAIN");
	CHECK(bed.asked == 0);
	bed_close(&bed);
}

static void test_pinned_and_proxy(void)
{
	AUTO(auto_strv) char **services = words("api.host=127.0.0.1:8080");
	struct bed bed;

	bed_open(&bed, 100, NULL);
	TEST("names that the user gave an address exist, and nobody is asked for them");
	set_policy(&bed, &(struct policy_spec){.host_services = services});
	CHECK_STR(told(&bed, "pinned.corp", DNS_A), "NOERROR 198.18.0.1");
	CHECK_STR(told(&bed, "pinned.corp", DNS_AAAA), "NOERROR");
	CHECK_STR(told(&bed, "pinned.corp", DNS_TXT), "NOERROR");
	CHECK_STR(told(&bed, "api.host", DNS_A), "NOERROR 198.18.0.2");
	CHECK(bed.asked == 0);
	set_list(&bed, "good.org");
	CHECK_STR(told(&bed, "pinned.corp", DNS_A), "NXDOMAIN");

	TEST("a name that the proxy gets exists, whatever the host's name servers know");
	bed.upstream.by_proxy = "missing.example";
	set_list(&bed, "missing.example");
	CHECK_STR(told(&bed, "missing.example", DNS_A), "NOERROR 198.18.0.3");
	CHECK_STR(told(&bed, "missing.example", DNS_AAAA), "NOERROR");
	CHECK(bed.asked == 0);
	CHECK_STR(told(&bed, "missing.example", DNS_TXT), "NOERROR");
	CHECK(bed.asked == 1);
	bed_close(&bed);
}

static void test_failures(void)
{
	struct bed bed;

	TEST("with an audit that cannot be written nothing is sent out");
	bed_open(&bed, 100, "/dev/full");
	CHECK_STR(told(&bed, "one.example", DNS_A), "SERVFAIL");
	CHECK(bed.asked == 0);
	bed_close(&bed);

	TEST("when all addresses are given the next name is SERVFAIL");
	bed_open(&bed, 1, NULL);
	CHECK_STR(told(&bed, "one.example", DNS_A), "NOERROR 198.18.0.1");
	CHECK_STR(told(&bed, "two.example", DNS_A), "SERVFAIL");
	CHECK_STR(told(&bed, "one.example", DNS_A), "NOERROR 198.18.0.1");

	TEST("with the resolver gone everything is SERVFAIL");
	shutdown(bed.child_fd, SHUT_RDWR);
	CHECK_STR(told(&bed, "three.example", DNS_A), "SERVFAIL");
	bed_close(&bed);

	TEST("a server that is closed while queries wait leaves nothing");
	bed_open(&bed, 100, NULL);
	CHECK(send(bed.client_fd, "\x12\x34\1\0\0\1\0\0\0\0\0\0\4held\7example\0\0\1\0\1", 30, 0) ==
	      30);
	while (bed.held_count == 0)
		uv_run(&bed.loop, UV_RUN_ONCE);
	bed_close(&bed);
}

static void test_messages(void)
{
	static const char wrong_class[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\2io\0\0\1\0\3";
	static const char trailing[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\2io\0\0\1\0\1x";
	static const char pointer[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1";
	static const char response[] = "\x12\x34\x81\0\0\1\0\0\0\0\0\0\1a\2io\0\0\1\0\1";
	static const char notify[] = "\x12\x34\x21\0\0\1\0\0\0\0\0\0\1a\2io\0\0\1\0\1";
	static struct reply reply;
	struct bed bed;

	bed_open(&bed, 100, NULL);
	TEST("the letters' case comes back as it was sent");
	ask(&bed, "oNe.ExaMple", DNS_A, &reply);
	CHECK(reply.count == 1 && memcmp(reply.bytes + 12, "\3oNe\7ExaMple", 13) == 0);
	CHECK(was_asked(&bed, "one.example"));

	TEST("malformed queries get an error, what is no query gets nothing");
#define SEND(bytes) CHECK(send(bed.client_fd, bytes, sizeof(bytes) - 1, 0) > 0)
	SEND(wrong_class);
	receive(&bed, &reply);
	CHECK(reply.rcode == DNS_REFUSED);
	SEND(trailing);
	receive(&bed, &reply);
	CHECK(reply.rcode == DNS_FORMERR);
	SEND(pointer);
	receive(&bed, &reply);
	CHECK(reply.rcode == DNS_FORMERR);
	SEND(notify);
	receive(&bed, &reply);
	CHECK(reply.rcode == DNS_NOTIMP);
	SEND(response);
	SEND("short");
	memset(reply.bytes, 0x55, sizeof(reply.bytes));
	CHECK(send(bed.client_fd, reply.bytes, 9000, 0) == 9000);
	ask(&bed, "one.example", DNS_AAAA, &reply); /* the only answer */
	CHECK(reply.rcode == DNS_NOERROR && reply.count == 0 && reply.bytes[12] == 3);
	CHECK(recv(bed.client_fd, reply.bytes, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);

	TEST("what is too large for UDP is cut, and says so");
	ask(&bed, "big.example", DNS_TXT, &reply);
	CHECK(reply.rcode == DNS_NOERROR && reply.count == 0 && reply.cut && reply.len <= 512);
	bed_close(&bed);
}

/* Sends queries by hundreds until one gets SERVFAIL; how many did not. */
static size_t flood(struct bed *bed, bool always_new, size_t max)
{
	static struct reply reply;
	size_t good = 0;

	while (good < max) {
		for (size_t i = 0; i < 100; i++) {
			AUTO_BUF struct buf query = BUF_INIT(512);
			char name[64];

			snprintf(name, sizeof(name), "n%zu.example", good + i);
			put_query(&query, always_new ? name : "denied.org", DNS_A);
			CHECK(send(bed->client_fd, query.ptr, query.len, 0) > 0);
		}
		for (int i = 0; i < 100; i++) {
			receive(bed, &reply);
			if (reply.rcode == DNS_SERVFAIL || reply.rcode < 0)
				return good;
			good++;
		}
	}
	return good;
}

static void test_rates(void)
{
	const char *hosts = "*.example named.example";
	struct bed bed;
	size_t count;

	TEST("a burst of names passes; many new names that only a pattern allows are stopped");
	bed_open(&bed, LIMIT_DNS_NAMES, NULL);
	set_list(&bed, hosts);
	count = flood(&bed, true, 4000);
	CHECK(count >= LIMIT_DNS_NEW_BURST && count < 2 * LIMIT_DNS_NEW_BURST);
	CHECK(audited(&bed, "too many new names by allow-host *.example") >= 1);
	run_some(&bed);
	while (recv(bed.client_fd, &(char){0}, 1, MSG_DONTWAIT) >= 0)
		run_some(&bed);
	CHECK_STR(told(&bed, "named.example", DNS_AAAA), "NOERROR");
	CHECK_STR(told(&bed, "n1.example", DNS_AAAA), "NOERROR");
	bed_close(&bed);

	TEST("a flood of queries is refused from some rate on, and fills no audit");
	bed_open(&bed, LIMIT_DNS_NAMES, NULL);
	set_list(&bed, hosts);
	count = flood(&bed, false, 500000);
	CHECK(count >= LIMIT_DNS_BURST && count < 500000);
	CHECK(audited(&bed, "too many queries a second") == 1);
	CHECK(audited(&bed, "\"what\":\"dns\"") == 2);
	bed_close(&bed);
}

int main(void)
{
	size_t before;

	signal(SIGPIPE, SIG_IGN);
	test_types();
	before = open_fds(); /* libuv keeps a pipe of its first loop */
	test_rules();
	test_pinned_and_proxy();
	test_failures();
	test_messages();
	test_rates();
	TEST("no descriptor is left");
	CHECK(open_fds() == before);
	return tap_done();
}
