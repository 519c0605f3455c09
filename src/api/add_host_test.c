// SPDX-License-Identifier: MIT
#include "api/add_host.h"

#include "base/auto.h"
#include "base/tap.h"

static void check_mapping(const char *text, const char *want)
{
	AUTO_FREE char *mapping = NULL;
	struct err err = {0};

	CHECK(add_host_parse(text, &mapping, &err) == 0);
	CHECK_STR(mapping, want);
}

static void check_error(const char *text, const char *want)
{
	AUTO_FREE char *mapping = NULL;
	struct err err = {0};

	CHECK(add_host_parse(text, &mapping, &err) < 0);
	CHECK_STR(err.msg, want);
}

int main(void)
{
	TEST("IPv4 and IPv6, in canonical form");
	check_mapping("db:10.0.0.5", "db:10.0.0.5");
	check_mapping("db.local:2001:DB8:0:0::1", "db.local:2001:db8::1");
	check_mapping("a_b:::1", "a_b:::1");
	check_mapping("m:::ffff:1.2.3.4", "m:1.2.3.4");

	TEST("what is no mapping");
	check_error("db", "invalid add-host format: \"db\" (expected host:ip) in \"db\"");
	check_error(":1.2.3.4", "invalid add-host hostname: \"\" (1 to 253 characters without "
				"white space, ':' or '#') in \":1.2.3.4\"");
	check_error("a b:1.2.3.4",
		    "invalid add-host hostname: \"a b\" (1 to 253 characters without "
		    "white space, ':' or '#') in \"a b:1.2.3.4\"");
	check_error("a:1.2.3", "invalid add-host ip: \"1.2.3\" (expected an IPv4 or IPv6 address) "
			       "in \"a:1.2.3\"");
	check_error("a:[::1]", "invalid add-host ip: \"[::1]\" (expected an IPv4 or IPv6 address) "
			       "in \"a:[::1]\"");
	return tap_done();
}
