// SPDX-License-Identifier: MIT
/* Who may say what: the truth table of destinations, first bytes and names. */
#include "gateway/claim.h"

#include "base/tap.h"
#include "gateway/dns_pool.h"

#include <stdlib.h>

static char name_entry[] = "example.com", other_entry[] = "other.com",
	    ssh_entry[] = "git.example.com:22", odd_entry[] = "odd.com:443",
	    range_entry[] = "93.184.216.0/24", one_entry[] = "one.corp", two_entry[] = "two.corp";
static char *list[] = {name_entry,  other_entry, ssh_entry, odd_entry,
		       range_entry, one_entry,	 two_entry, NULL};
static char one_mapping[] = "one.corp:10.1.2.3", two_mapping[] = "two.corp:10.1.2.3",
	    away_mapping[] = "other.com:10.9.9.9";
static char *add_hosts[] = {one_mapping, two_mapping, away_mapping, NULL};

static const struct row {
	const char *host; /* connected to; "unknown": a synthetic address of nobody */
	uint16_t port;
	enum policy_protocol said;
	const char *name;
	uint16_t name_port;
	const char *reason; /* NULL: allowed */
} rows[] = {
	/* nothing said yet */
	{"example.com", 443, POLICY_CONNECT, "", 0, NULL},
	{"example.com", 80, POLICY_CONNECT, "", 0, NULL},
	{"example.com", 22, POLICY_CONNECT, "", 0, "host not in allowlist at port 22"},
	{"evil.com", 443, POLICY_CONNECT, "", 0, "host not in allowlist"},
	{"unknown", 443, POLICY_CONNECT, "", 0, "the address was not given to any name"},
	{"93.184.216.34", 443, POLICY_CONNECT, "", 0, NULL},
	{"8.8.8.8", 443, POLICY_CONNECT, "", 0, "host not in allowlist"},
	/* TLS is needed */
	{"example.com", 443, POLICY_TLS, "example.com", 443, NULL},
	{"example.com", 443, POLICY_TLS, "other.com", 443,
	 "the connection was made to example.com"},
	{"example.com", 443, POLICY_TLS, "evil.com", 443, "host not in allowlist"},
	{"example.com", 443, POLICY_TLS, "", 443, "no host name was given"},
	{"example.com", 443, POLICY_OTHER, "", 443,
	 "host not in allowlist at port 443 for what is neither TLS nor HTTP"},
	{"example.com", 443, POLICY_HTTP, "example.com", 443,
	 "host not in allowlist at port 443 for plain HTTP"},
	/* HTTP is needed */
	{"example.com", 80, POLICY_HTTP, "example.com", 80, NULL},
	{"example.com", 80, POLICY_HTTP, "other.com", 80, "the connection was made to example.com"},
	{"example.com", 80, POLICY_HTTP, "evil.com", 80, "host not in allowlist"},
	{"example.com", 80, POLICY_HTTP, "", 80, "no host name was given"},
	{"example.com", 80, POLICY_HTTP, "example.com", 8080,
	 "host not in allowlist at port 8080 for plain HTTP"},
	{"example.com", 80, POLICY_TLS, "example.com", 80,
	 "host not in allowlist at port 80 for TLS"},
	{"example.com", 80, POLICY_OTHER, "", 80,
	 "host not in allowlist at port 80 for what is neither TLS nor HTTP"},
	/* any name that is allowed */
	{"git.example.com", 22, POLICY_OTHER, "", 22, NULL},
	{"git.example.com", 22, POLICY_TLS, "git.example.com", 22, NULL},
	{"git.example.com", 22, POLICY_TLS, "", 22, NULL},
	{"git.example.com", 22, POLICY_TLS, "example.com", 22,
	 "host not in allowlist at port 22 for TLS"},
	{"git.example.com", 22, POLICY_HTTP, "git.example.com", 22, NULL},
	{"git.example.com", 22, POLICY_HTTP, "", 22, NULL},
	{"git.example.com", 22, POLICY_HTTP, "other.com", 80, NULL}, /* as to a proxy */
	{"git.example.com", 22, POLICY_HTTP, "evil.com", 80, "host not in allowlist"},
	{"odd.com", 443, POLICY_OTHER, "", 443, NULL},
	{"odd.com", 443, POLICY_TLS, "example.com", 443, NULL},
	{"odd.com", 443, POLICY_TLS, "evil.com", 443, "host not in allowlist"},
	/* one address of several names */
	{"10.1.2.3", 443, POLICY_CONNECT, "", 0, NULL},
	{"10.1.2.3", 443, POLICY_TLS, "one.corp", 443, NULL},
	{"10.1.2.3", 443, POLICY_TLS, "two.corp", 443, NULL},
	{"10.1.2.3", 80, POLICY_HTTP, "two.corp", 80, NULL},
	{"10.1.2.3", 443, POLICY_TLS, "example.com", 443, "the connection was made to one.corp"},
	{"10.1.2.3", 443, POLICY_TLS, "other.com", 443, "the connection was made to one.corp"},
	{"10.1.2.3", 443, POLICY_TLS, "", 443, "no host name was given"},
	/* anything */
	{"93.184.216.34", 443, POLICY_TLS, "evil.com", 443, NULL},
	{"93.184.216.34", 80, POLICY_HTTP, "evil.com", 80, NULL},
};

static void check_row(const struct row *row, const struct policy *policy, struct dns_pool *pool)
{
	struct policy_verdict verdict;
	struct claim claim;
	struct err err;
	struct ip ip;

	if (strcmp(row->host, "unknown") == 0)
		CHECK(ip_parse("198.19.255.254", &ip));
	else if (!ip_parse(row->host, &ip))
		CHECK(dns_pool_address(pool, row->host, 1, &ip, &err) == 0);
	claim_init(&claim, &ip, row->port, pool, 2);
	claim.said = row->said;
	strcpy(claim.name, row->name);
	claim.name_port = row->name_port;
	CHECK(claim_judge(&claim, policy, &verdict) == (row->reason == NULL));
	CHECK_STR(verdict.reason, row->reason ? row->reason : "");
}

int main(void)
{
	const struct policy_spec spec = {.listed = true, .allow_hosts = list};
	struct dns_pool *pool = dns_pool_new(64, 60 * 1000);
	struct policy *policy = NULL;
	char name[128];
	struct err err;

	CHECK(policy_new(&spec, &(struct policy_facts){.add_hosts = add_hosts}, &policy, &err) ==
	      0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const char *const words[] = {"DNS", "nothing", "TLS", "HTTP",
						    "something else"};

		snprintf(name, sizeof(name), "%s:%u says %s of '%s'", rows[i].host, rows[i].port,
			 words[rows[i].said], rows[i].name);
		TEST(name);
		check_row(&rows[i], policy, pool);
	}
	policy_free(policy);
	dns_pool_free(pool);
	return tap_done();
}
