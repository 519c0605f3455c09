// SPDX-License-Identifier: MIT
#include "gateway/dns_pool.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

DEFINE_AUTO(dns_pool)

enum { LIFE = 1000 };

/* The address of `name`, or the error. */
static void check_address(struct dns_pool *pool, const char *name, uint64_t now, const char *want)
{
	char text[IP_TEXT];
	struct err err;
	struct ip ip;

	if (dns_pool_address(pool, name, now, &ip, &err) < 0) {
		CHECK_STR(err.msg, want);
		CHECK(err.code == ERR_LIMIT);
		return;
	}
	CHECK(dns_pool_covers(&ip));
	ip_format(&ip, text);
	CHECK_STR(text, want);
}

static void check_name(struct dns_pool *pool, const char *address, uint64_t now, const char *want)
{
	const char *name;
	struct ip ip;

	CHECK(ip_parse(address, &ip));
	name = dns_pool_name(pool, &ip, now);
	CHECK_STR(name ? name : "nobody", want);
}

static void test_names(void)
{
	AUTO(auto_dns_pool) struct dns_pool *pool = dns_pool_new(4, LIFE);

	TEST("a name has one address, and the address leads back to it");
	check_address(pool, "a.test", 0, "198.18.0.1");
	check_address(pool, "b.test", 0, "198.18.0.2");
	check_address(pool, "a.test", 5000, "198.18.0.1");
	check_name(pool, "198.18.0.1", 5000, "a.test");
	check_name(pool, "198.18.0.2", 5000, "b.test");

	TEST("addresses that nobody has lead nowhere");
	check_name(pool, "198.18.0.0", 0, "nobody");
	check_name(pool, "198.18.0.3", 0, "nobody");
	check_name(pool, "198.19.0.1", 0, "nobody");
	check_name(pool, "198.20.0.1", 0, "nobody");
	check_name(pool, "198.17.0.1", 0, "nobody");
	check_name(pool, "::198.18.0.1", 0, "nobody");
	check_name(pool, "::ffff:198.18.0.1", 5000, "a.test");
}

static void test_reuse(void)
{
	AUTO(auto_dns_pool) struct dns_pool *pool = dns_pool_new(3, LIFE);

	TEST("within the lifetime no address changes its name");
	check_address(pool, "a.test", 0, "198.18.0.1");
	check_address(pool, "b.test", 1, "198.18.0.2");
	check_address(pool, "c.test", 2, "198.18.0.3");
	check_address(pool, "d.test", LIFE, "more than 3 names were resolved within 1 s");
	check_name(pool, "198.18.0.1", LIFE, "a.test");

	TEST("the one that was used longest ago goes first, and a connection is a use");
	check_address(pool, "d.test", LIFE + 2, "198.18.0.2");
	check_name(pool, "198.18.0.2", LIFE + 2, "d.test");
	check_address(pool, "b.test", LIFE + 3, "198.18.0.3");
	check_address(pool, "c.test", LIFE + 3, "more than 3 names were resolved within 1 s");
	check_address(pool, "c.test", 2 * LIFE + 1, "198.18.0.1");
	check_name(pool, "198.18.0.1", 2 * LIFE + 1, "c.test");
}

static void test_full(void)
{
	AUTO(auto_dns_pool) struct dns_pool *pool = dns_pool_new(LIMIT_DNS_NAMES, LIFE);
	char name[32], back[32];
	const char *found;
	struct err err;
	struct ip ip;
	int wrong = 0;

	TEST("as many names as there may be, each with its own address");
	for (int i = 0; i < LIMIT_DNS_NAMES + 100; i++) {
		snprintf(name, sizeof(name), "host-%d.test", i);
		wrong += dns_pool_address(pool, name, (uint64_t)i, &ip, &err) < 0;
		found = dns_pool_name(pool, &ip, (uint64_t)i);
		snprintf(back, sizeof(back), "%s", found ? found : "nobody");
		wrong += !dns_pool_covers(&ip) || strcmp(back, name) != 0;
	}
	CHECK(wrong == 0);
	check_name(pool, "198.18.0.1", 0, "host-32768.test");
	check_name(pool, "198.18.128.0", 0, "host-32767.test");
}

int main(void)
{
	test_names();
	test_reuse();
	test_full();
	return tap_done();
}
