// SPDX-License-Identifier: MIT
/* Tests of what limits the guest's queries: rates, recent names, local names. */
#include "gateway/rate.h"

#include "base/attr.h"
#include "base/tap.h"
#include "gateway/dns_recent.h"
#include "gateway/local_name.h"

static unsigned taken(struct rate *rate, unsigned tries, uint64_t now_ms)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += rate_take(rate, now_ms);
	return count;
}

static void test_rate(void)
{
	struct rate rate = rate_of(10, 50, 1000);

	TEST("a rate allows its burst, then so many a second");
	CHECK(taken(&rate, 100, 1000) == 50);
	CHECK(taken(&rate, 100, 1099) == 0);
	CHECK(taken(&rate, 100, 1100) == 1);
	CHECK(taken(&rate, 100, 2100) == 10);
	CHECK(taken(&rate, 100, 2350) == 2);
	CHECK(taken(&rate, 100, 2400) == 1);

	TEST("a long rest gives no more than the burst, however long");
	CHECK(taken(&rate, 100, 3600 * 1000) == 50);
	CHECK(taken(&rate, 100, UINT64_MAX) == 50);

	TEST("a clock that goes back allows nothing");
	CHECK(taken(&rate, 100, 5) == 0);
}

static void test_recent(void)
{
	struct dns_recent *recent = dns_recent_new(3, 1000);

	TEST("a name is remembered for its time, apart from the same name of another kind");
	CHECK(!dns_recent_has(recent, "a", 1, 0));
	dns_recent_add(recent, "a", 1, 0);
	CHECK(dns_recent_has(recent, "a", 1, 999) && !dns_recent_has(recent, "a", 2, 999) &&
	      !dns_recent_has(recent, "b", 1, 999));
	CHECK(!dns_recent_has(recent, "a", 1, 1000));

	TEST("the newest are remembered");
	dns_recent_add(recent, "a", 1, 2000);
	dns_recent_add(recent, "b", 1, 2000);
	dns_recent_add(recent, "a", 2, 2000);
	dns_recent_add(recent, "c", 1, 2001);
	CHECK(!dns_recent_has(recent, "a", 1, 2002) && dns_recent_has(recent, "b", 1, 2002) &&
	      dns_recent_has(recent, "a", 2, 2002) && dns_recent_has(recent, "c", 1, 2002));
	dns_recent_free(recent);
}

static void test_local(void)
{
	static const char *const local[] = {"localhost",   "a.localhost",      "printer.local",
					    "db.internal", "x.y.home.arpa",    "db",
					    "a.invalid",   "b32.example.onion"};
	static const char *const others[] = {"example.com",  "local.example",
					     "notlocal.com", "internal.example.com",
					     "xlocal.net",   "home.arpa"};

	TEST("names of the host's own network are told from others");
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		CHECK(local_name(local[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		CHECK(!local_name(others[i]));
}

int main(void)
{
	test_rate();
	test_recent();
	test_local();
	return tap_done();
}
