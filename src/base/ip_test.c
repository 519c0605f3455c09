// SPDX-License-Identifier: MIT
#include "base/ip.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/ip_host.h"
#include "base/tap.h"

#include <arpa/inet.h>

static void check_text(const char *text, const char *want)
{
	char got[IP_TEXT] = "no address";
	struct ip ip;

	if (ip_parse(text, &ip))
		ip_format(&ip, got);
	CHECK_STR(got, want);
}

static void check_net(const char *text, const char *want)
{
	char got[IP_NET_TEXT];
	struct ip_net net;
	struct err err = {0};

	if (ip_net_parse(text, &net, &err) < 0) {
		CHECK_STR(err.msg, want);
		return;
	}
	ip_net_format(&net, got);
	CHECK_STR(got, want);
}

static bool contains(const char *net_text, const char *ip_text)
{
	struct ip_net net;
	struct err err = {0};
	struct ip ip;

	CHECK(ip_net_parse(net_text, &net, &err) == 0 && ip_parse(ip_text, &ip));
	return ip_net_contains(&net, &ip);
}

static void check_addresses(void)
{
	static const char *const wrong[] = {
		"",	      "1.2.3",	   "1.2.3.4.5", "01.2.3.4",   "0x7f.0.0.1", "127.1",
		"2130706433", "256.1.1.1", " 1.2.3.4",	"1.2.3.4 ",   "[::1]",	    "fe80::1%lo",
		":::",	      "1::2::3",   "12345::",	"1.2.3.4/32",
	};

	TEST("addresses have one form");
	check_text("1.2.3.4", "1.2.3.4");
	check_text("2001:DB8:0:0::1", "2001:db8::1");
	check_text("::ffff:10.0.0.1", "10.0.0.1");
	check_text("::ffff:a00:1", "10.0.0.1");
	check_text("::10.0.0.1", "::10.0.0.1");

	TEST("what is no address");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		check_text(wrong[i], "no address");
}

static void check_ranges(void)
{
	static const char *const bits4 = "expected 0 to 32 bits behind the '/'";

	TEST("ranges have one form");
	check_net("10.0.0.0/8", "10.0.0.0/8");
	check_net("0.0.0.0/0", "0.0.0.0/0");
	check_net("1.2.3.4/32", "1.2.3.4");
	check_net("1.2.3.4", "1.2.3.4");
	check_net("2001:DB8::/32", "2001:db8::/32");
	check_net("::/0", "::/0");
	check_net("::1/128", "::1");
	check_net("::ffff:10.0.0.0/104", "10.0.0.0/8");

	TEST("what is no range");
	check_net("10.1.0.0/8", "bits behind the prefix are set: write 10.0.0.0/8");
	check_net("::ffff:0:0/90", "bits behind the prefix are set: write ::ffc0:0:0/90");
	check_net("10.0.0.0/33", bits4);
	check_net("10.0.0.0/", bits4);
	check_net("10.0.0.0/08", bits4);
	check_net("10.0.0.0/-1", bits4);
	check_net("10.0.0.0/8/8", bits4);
	check_net("::/129", "expected 0 to 128 bits behind the '/'");
	check_net("10/8", "expected an IP address or a range such as 10.0.0.0/8");

	TEST("a range holds what begins with its prefix");
	CHECK(contains("10.0.0.0/8", "10.255.255.255"));
	CHECK(!contains("10.0.0.0/8", "11.0.0.0"));
	CHECK(contains("10.0.0.0/9", "10.127.0.0") && !contains("10.0.0.0/9", "10.128.0.0"));
	CHECK(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
	CHECK(contains("2001:db8::/33", "2001:db8:7fff::") &&
	      !contains("2001:db8::/33", "2001:db8:8000::"));
	CHECK(contains("1.2.3.4", "1.2.3.4") && !contains("1.2.3.4", "1.2.3.5"));

	TEST("the whole of one family is nothing of the other");
	CHECK(contains("0.0.0.0/0", "255.255.255.255") && !contains("0.0.0.0/0", "::1"));
	CHECK(contains("::/0", "ffff::") && !contains("::/0", "1.2.3.4"));
	CHECK(!contains("::/0", "::ffff:1.2.3.4"));
}

static void check_sockets(void)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_storage other = {.ss_family = AF_UNIX};
	AUTO_FREE struct ip *own = NULL;
	struct ip ip, want, loopback;
	struct err err = {0};
	size_t count = 0;
	bool found = false;

	TEST("addresses of sockets");
	CHECK(ip_from_sockaddr((struct sockaddr *)&v4, &ip) && ip_parse("10.0.0.1", &want) &&
	      ip_equals(&ip, &want));
	CHECK(ip_from_sockaddr((struct sockaddr *)&v6, &ip) && ip_parse("::1", &want) &&
	      ip_equals(&ip, &want));
	CHECK(!ip_from_sockaddr((struct sockaddr *)&other, &ip));
	CHECK(ip_to_sockaddr(&want, 80, &other) == sizeof(v6) && other.ss_family == AF_INET6);
	CHECK(ip_from_sockaddr((struct sockaddr *)&other, &ip) && ip_equals(&ip, &want));
	CHECK(ip_parse("10.0.0.1", &want) && ip_to_sockaddr(&want, 80, &other) == sizeof(v4));
	v4.sin_port = htons(80);
	CHECK(memcmp(&other, &v4, sizeof(v4)) == 0);

	TEST("this host has its loopback address");
	CHECK(ip_host_list(&own, &count, &err) == 0);
	CHECK(ip_parse("127.0.0.1", &loopback));
	for (size_t i = 0; i < count; i++)
		found = found || ip_equals(&own[i], &loopback);
	CHECK(found);
}

int main(void)
{
	check_addresses();
	check_ranges();
	check_sockets();
	return tap_done();
}
