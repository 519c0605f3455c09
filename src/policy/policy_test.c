// SPDX-License-Identifier: MIT
/* What policies say to asks: tables, one for each kind of policy. */
#include "policy/policy.h"

#include "api/policy_file.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/tap.h"

enum { DENY = -1, ANY = POLICY_NEEDS_NOTHING, NAME = POLICY_NEEDS_NAME };
enum { TLS = POLICY_NEEDS_TLS, HTTP = POLICY_NEEDS_HTTP };

DEFINE_AUTO(policy)

struct row {
	enum policy_protocol protocol;
	const char *host;
	uint16_t port;
	int want; /* DENY, or what it needs */
};

static const char *const add_hosts[] = {
	"db.corp:10.9.9.9",    "alias.corp:10.9.9.9", "web.corp:93.184.1.1", "me.corp:192.168.7.7",
	"loop.corp:127.0.0.1", "odd name:10.9.9.8",   "six.corp:fd00::9:9",  NULL};

/* `text` NULL = no list. */
static struct policy *make(const char *text, const struct policy_spec *options, const char *id)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	struct ip own[4];
	struct policy_facts facts = {id, (char *const *)add_hosts, own, ARRAY_SIZE(own)};
	struct policy *policy = NULL;
	struct err err = {0};

	ip_parse("127.0.0.1", &own[0]);
	ip_parse("192.168.7.7", &own[1]);
	ip_parse("93.184.7.7", &own[2]);
	ip_parse("2a00:1450::7", &own[3]);
	if (text)
		CHECK(policy_file_parse(&spec, view_of(text), &err) == 0);
	if (options) {
		spec.allow_local_nets = options->allow_local_nets;
		spec.audit_only = options->audit_only;
		spec.listed = spec.listed && !options->listed;
	}
	CHECK(policy_new(&spec, &facts, &policy, &err) == 0);
	if (!policy)
		printf("# %s\n", err.msg);
	return policy;
}

static void check_rows(const struct policy *policy, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct policy_ask ask = {rows[i].protocol, rows[i].host, rows[i].port};
		struct policy_verdict verdict;
		int got = policy_check(policy, &ask, &verdict) ? (int)verdict.needs : DENY;

		CHECK(got == rows[i].want);
		CHECK(verdict.allowed == (got != DENY) && verdict.allowed == !verdict.reason[0]);
		if (got != rows[i].want)
			printf("# %s:%u as %d: got %d, want %d: %s\n", rows[i].host, rows[i].port,
			       rows[i].protocol, got, rows[i].want, verdict.reason);
	}
}

#define CHECK_ROWS(policy, rows) check_rows(policy, rows, ARRAY_SIZE(rows))

static const struct row listed_rows[] = {
	/* without a port: the web */
	{POLICY_DNS, "example.com", 0, ANY},
	{POLICY_DNS, "EXAMPLE.COM.", 0, ANY},
	{POLICY_CONNECT, "example.com", 443, TLS},
	{POLICY_CONNECT, "example.com", 80, HTTP},
	{POLICY_CONNECT, "example.com", 22, DENY},
	{POLICY_CONNECT, "example.com", 8443, DENY},
	{POLICY_CONNECT, "example.com", 0, DENY},
	{POLICY_TLS, "Example.Com", 443, ANY},
	{POLICY_TLS, "example.com", 80, DENY},
	{POLICY_TLS, "example.com", 8443, DENY},
	{POLICY_HTTP, "example.com", 80, ANY},
	{POLICY_HTTP, "example.com.", 80, ANY},
	{POLICY_HTTP, "example.com", 443, DENY},
	{POLICY_OTHER, "example.com", 443, DENY},
	{POLICY_OTHER, "example.com", 80, DENY},
	{POLICY_CONNECT, "www.example.com", 443, DENY},
	{POLICY_DNS, "www.example.com", 0, DENY},
	{POLICY_DNS, "data.example.com.evil.test", 0, DENY},
	{POLICY_TLS, "evil.test", 443, DENY},
	{POLICY_HTTP, "evil.test", 80, DENY},
	/* by pattern */
	{POLICY_CONNECT, "a.b.wild.test", 443, TLS},
	{POLICY_CONNECT, "wild.test", 443, DENY},
	{POLICY_DNS, "wild.test", 0, DENY},
	/* with a port: whatever is spoken */
	{POLICY_DNS, "git.test", 0, ANY},
	{POLICY_CONNECT, "git.test", 22, NAME},
	{POLICY_OTHER, "git.test", 22, ANY},
	{POLICY_TLS, "git.test", 22, ANY},
	{POLICY_HTTP, "git.test", 22, ANY},
	{POLICY_CONNECT, "git.test", 443, DENY},
	{POLICY_CONNECT, "git.test", 23, DENY},
	/* both: what needs less */
	{POLICY_CONNECT, "both.test", 443, NAME},
	{POLICY_CONNECT, "both.test", 80, HTTP},
	{POLICY_OTHER, "both.test", 443, ANY},
	/* literal addresses */
	{POLICY_CONNECT, "151.101.1.140", 443, ANY},
	{POLICY_CONNECT, "151.101.1.140", 22, ANY},
	{POLICY_CONNECT, "151.101.1.141", 443, DENY},
	{POLICY_CONNECT, "::ffff:151.101.1.140", 443, ANY},
	{POLICY_CONNECT, "[::ffff:151.101.1.140]", 443, ANY},
	{POLICY_HTTP, "151.101.1.140", 80, ANY},
	{POLICY_CONNECT, "52.1.2.3", 5432, ANY},
	{POLICY_CONNECT, "52.1.3.3", 5432, DENY},
	{POLICY_CONNECT, "52.1.2.3", 5433, DENY},
	{POLICY_CONNECT, "2606:4700::1", 53, ANY},
	{POLICY_CONNECT, "[2606:4700::1]", 53, ANY},
	{POLICY_CONNECT, "2606:4701::1", 53, DENY},
	/* on the list, but below the floor: the list does not open it */
	{POLICY_CONNECT, "10.0.0.5", 80, DENY},
	{POLICY_CONNECT, "::ffff:10.0.0.5", 80, DENY},
	{POLICY_CONNECT, "169.254.169.254", 80, DENY},
	{POLICY_CONNECT, "127.0.0.1", 80, DENY},
	{POLICY_CONNECT, "93.184.7.7", 80, DENY}, /* this host's own, public */
	{POLICY_CONNECT, "64:ff9b::93.184.7.7", 80, DENY},
	{POLICY_CONNECT, "64:ff9b::10.0.0.5", 80, DENY},
	{POLICY_CONNECT, "2002:a00:5::", 80, DENY},
	/* what is no host */
	{POLICY_TLS, "", 443, DENY},
	{POLICY_TLS, NULL, 443, DENY},
	{POLICY_DNS, ".", 0, DENY},
	{POLICY_DNS, "*.wild.test", 0, DENY},
	{POLICY_DNS, "a..wild.test", 0, DENY},
	{POLICY_DNS, "-a.wild.test", 0, DENY},
	{POLICY_DNS, "a\nb.wild.test", 0, DENY},
	{POLICY_DNS, "b\303\274cher.wild.test", 0, DENY},
	{POLICY_DNS, "151.101.1.140", 0, DENY},
	{POLICY_HTTP, "example.com:80", 80, DENY},
	{POLICY_HTTP, "user@example.com", 80, DENY},
	{POLICY_HTTP, "[example.com]", 80, DENY},
	{POLICY_HTTP, "[151.101.1.140]", 80, DENY},
	{POLICY_CONNECT, "0x97.101.1.140", 443, DENY},
	{POLICY_CONNECT, "2540962188", 443, DENY},
	{POLICY_CONNECT, "[]", 443, DENY},
	{POLICY_CONNECT, "[", 443, DENY},
	{POLICY_CONNECT, "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", 443,
	 DENY},
	/* IDN entries, as guests write them */
	{POLICY_TLS, "xn--bcher-kva.test", 443, ANY},
	{POLICY_TLS, "XN--BCHER-KVA.test", 443, ANY},
};

/* "*:9418" and "example.com" */
static const struct row port_rows[] = {
	{POLICY_DNS, "who.test", 0, ANY},
	{POLICY_CONNECT, "who.test", 443, DENY},
	{POLICY_CONNECT, "example.com", 9418, ANY},
	{POLICY_CONNECT, "who.test", 9418, ANY},
	{POLICY_CONNECT, "93.184.216.34", 9418, ANY},
	{POLICY_CONNECT, "2a00:1450::1", 9418, ANY},
	{POLICY_CONNECT, "10.0.0.1", 9418, DENY},
	{POLICY_CONNECT, "93.184.216.34", 443, DENY},
};

static const char listed_text[] =
	"allow-host Example.com\nallow-host *.wild.test\nallow-host git.test:22\n"
	"allow-host both.test\nallow-host both.test:443\n"
	"allow-host 151.101.1.140\nallow-host 52.1.2.0/24:5432\nallow-host 2606:4700::/32\n"
	"allow-host 10.0.0.0/8\nallow-host 169.254.169.254\nallow-host 127.0.0.1\n"
	"allow-host 93.184.7.7\nallow-host 64:ff9b::/96\nallow-host 2002::/16\n"
	"allow-host b\303\274cher.test\n";

static const struct row open_rows[] = {
	{POLICY_DNS, "example.com", 0, ANY},
	{POLICY_CONNECT, "example.com", 443, ANY},
	{POLICY_CONNECT, "example.com", 22, ANY},
	{POLICY_TLS, "example.com", 8443, ANY},
	{POLICY_HTTP, "example.com", 8080, ANY},
	{POLICY_OTHER, "example.com", 443, ANY},
	{POLICY_CONNECT, "8.8.8.8", 53, ANY},
	{POLICY_CONNECT, "2001:4860:4860::8888", 53, ANY},
	{POLICY_CONNECT, "64:ff9b::8.8.8.8", 53, ANY},
	{POLICY_CONNECT, "10.0.0.1", 80, DENY},
	{POLICY_CONNECT, "172.31.255.255", 80, DENY},
	{POLICY_CONNECT, "192.168.1.1", 80, DENY},
	{POLICY_CONNECT, "93.184.7.7", 80, DENY},
	{POLICY_CONNECT, "2a00:1450::7", 80, DENY},
	{POLICY_CONNECT, "127.0.0.1", 80, DENY},
	{POLICY_CONNECT, "127.8.8.8", 80, DENY},
	{POLICY_CONNECT, "0.0.0.0", 80, DENY},
	{POLICY_CONNECT, "169.254.169.254", 80, DENY},
	{POLICY_CONNECT, "100.100.100.200", 80, DENY},
	{POLICY_CONNECT, "224.0.0.251", 80, DENY},
	{POLICY_CONNECT, "255.255.255.255", 80, DENY},
	{POLICY_CONNECT, "198.18.0.1", 80, DENY},
	{POLICY_CONNECT, "::1", 80, DENY},
	{POLICY_CONNECT, "::", 80, DENY},
	{POLICY_CONNECT, "fd00:ec2::254", 80, DENY},
	{POLICY_CONNECT, "fe80::1", 80, DENY},
	{POLICY_CONNECT, "::ffff:127.0.0.1", 80, DENY},
	{POLICY_CONNECT, "::ffff:169.254.169.254", 80, DENY},
	{POLICY_CONNECT, "2001:0:7f00:1::", 80, DENY},
	{POLICY_CONNECT, "", 80, DENY},
	/* an address of --add-host is its name, and open */
	{POLICY_CONNECT, "10.9.9.9", 5432, ANY},
	{POLICY_CONNECT, "fd00::9:9", 5432, ANY},
	{POLICY_CONNECT, "192.168.7.7", 5432, ANY}, /* me.corp */
	{POLICY_CONNECT, "10.9.9.8", 5432, DENY},   /* its name is none */
};

static void check_modes(void)
{
	static const struct row emptied[] = {
		{POLICY_DNS, "example.com", 0, DENY},	 {POLICY_CONNECT, "example.com", 443, DENY},
		{POLICY_CONNECT, "8.8.8.8", 53, DENY},	 {POLICY_TLS, "example.com", 443, DENY},
		{POLICY_CONNECT, "10.9.9.9", 443, DENY}, {POLICY_CONNECT, "127.0.0.1", 80, DENY},
	};
	static const struct row local_nets[] = {
		{POLICY_CONNECT, "10.0.0.1", 80, ANY},
		{POLICY_CONNECT, "172.16.0.1", 80, ANY},
		{POLICY_CONNECT, "192.168.1.1", 80, ANY},
		{POLICY_CONNECT, "100.64.0.1", 80, ANY},
		{POLICY_CONNECT, "fd00::1", 80, ANY},
		{POLICY_CONNECT, "127.0.0.1", 80, DENY},
		{POLICY_CONNECT, "169.254.169.254", 80, DENY},
		{POLICY_CONNECT, "fe80::1", 80, DENY},
		{POLICY_CONNECT, "93.184.7.7", 80, DENY},
		{POLICY_CONNECT, "198.18.0.1", 80, DENY},
		{POLICY_CONNECT, "192.0.2.1", 80, DENY},
		{POLICY_CONNECT, "64:ff9b::10.0.0.1", 80, DENY},
	};
	AUTO(auto_policy) struct policy *listed = make(listed_text, NULL, NULL);
	AUTO(auto_policy)
	struct policy *port = make("allow-host *:9418\nallow-host example.com", NULL, NULL);
	AUTO(auto_policy) struct policy *open = make(NULL, NULL, NULL);
	AUTO(auto_policy) struct policy *star = make("allow-host *", NULL, NULL);
	AUTO(auto_policy) struct policy *empty = make("", NULL, NULL);
	AUTO(auto_policy)
	struct policy *audit =
		make("allow-host a.test", &(struct policy_spec){.audit_only = true}, NULL);
	AUTO(auto_policy)
	struct policy *local = make(NULL, &(struct policy_spec){.allow_local_nets = true}, NULL);

	TEST("a list");
	CHECK_ROWS(listed, listed_rows);
	TEST("any host at one port");
	CHECK_ROWS(port, port_rows);
	TEST("no list: all that is public");
	CHECK_ROWS(open, open_rows);
	TEST("a star is as no list");
	CHECK_ROWS(star, open_rows);
	TEST("audit only is as no list");
	CHECK_ROWS(audit, open_rows);
	TEST("an emptied list denies");
	CHECK_ROWS(empty, emptied);
	TEST("block_private_ips false");
	CHECK_ROWS(local, local_nets);
}

static void check_openings(void)
{
	static const struct row rows[] = {
		/* the range, for literals too, where there is no list */
		{POLICY_CONNECT, "10.1.2.3", 80, ANY},
		{POLICY_CONNECT, "10.1.3.3", 80, DENY},
		{POLICY_CONNECT, "169.254.169.254", 80, ANY},
		{POLICY_CONNECT, "169.254.169.253", 80, DENY},
		{POLICY_CONNECT, "192.168.7.6", 80, ANY},
		{POLICY_CONNECT, "127.0.0.1", 5432, DENY},
		{POLICY_CONNECT, "64:ff9b::10.1.2.3", 80, DENY},
		{POLICY_CONNECT, "255.255.255.255", 80, DENY},
		{POLICY_CONNECT, "240.0.0.1", 80, ANY},
	};
	static const struct row listed[] = {
		{POLICY_CONNECT, "10.1.2.3", 80, DENY}, /* not on the list */
		{POLICY_DNS, "pg.internal", 0, ANY},
		{POLICY_CONNECT, "pg.internal", 5432, ANY},
		{POLICY_OTHER, "pg.internal", 5432, ANY},
		{POLICY_HTTP, "pg.internal", 5432, ANY},
		{POLICY_CONNECT, "pg.internal", 5433, DENY},
		{POLICY_CONNECT, "127.0.0.1", 5432, DENY},
		{POLICY_CONNECT, "10.9.9.9", 443, TLS}, /* alias.corp */
		{POLICY_CONNECT, "10.9.9.9", 22, DENY},
		{POLICY_TLS, "alias.corp", 443, ANY},
		{POLICY_TLS, "db.corp", 443, DENY},
		{POLICY_DNS, "db.corp", 0, DENY},
	};
	AUTO(auto_policy)
	struct policy *open = make("allow-private 10.1.2.0/24\nallow-private 169.254.169.254\n"
				   "allow-private 192.168.0.0/16\nallow-private 240.0.0.0/4\n",
				   &(struct policy_spec){.listed = true}, NULL);
	AUTO(auto_policy)
	struct policy *closed =
		make("allow-private 10.1.2.0/24\nallow-host-service pg.internal=127.0.0.1:5432\n"
		     "allow-host alias.corp\n",
		     NULL, NULL);

	TEST("allow-private opens its range and nothing else");
	CHECK_ROWS(open, rows);
	TEST("a host service opens one name at one port; a mapped host obeys the list");
	CHECK_ROWS(closed, listed);
}

static bool leads_to(const struct policy *policy, const char *host, uint16_t port,
		     const char *first, const char *second)
{
	struct policy_ask ask = {POLICY_CONNECT, host, port};
	struct policy_verdict verdict;
	struct ip ips[2];

	CHECK(ip_parse(first, &ips[0]) && (!second || ip_parse(second, &ips[1])));
	return policy_check_ips(policy, &ask, ips, second ? 2 : 1, &verdict);
}

static void check_resolved(void)
{
	AUTO(auto_policy)
	struct policy *policy = make("allow-host *\nallow-private 10.1.2.0/24\n"
				     "allow-host-service pg.internal=127.0.0.1:5432\n"
				     "allow-host-service own.internal=192.168.7.7:80\n",
				     NULL, NULL);
	struct policy_ask ask = {POLICY_CONNECT, "a.test", 443};
	struct policy_verdict verdict;
	struct ip ips[4], want;

	TEST("all addresses of a name must be open");
	CHECK(leads_to(policy, "a.test", 443, "93.184.216.34", NULL));
	CHECK(leads_to(policy, "a.test", 443, "93.184.216.34", "2606:2800:220::1"));
	CHECK(!leads_to(policy, "a.test", 443, "93.184.216.34", "10.0.0.1"));
	CHECK(!leads_to(policy, "a.test", 443, "127.0.0.1", "93.184.216.34"));
	CHECK(!leads_to(policy, "a.test", 443, "::ffff:127.0.0.1", NULL));
	CHECK(!leads_to(policy, "a.test", 443, "93.184.7.7", NULL));
	CHECK(!leads_to(policy, "a.test", 443, "0.0.0.0", NULL));
	CHECK(leads_to(policy, "a.test", 443, "10.1.2.3", NULL));
	CHECK(!policy_check_ips(policy, &ask, ips, 0, &verdict));
	CHECK_STR(verdict.reason, "the name has no address");

	TEST("an exception is for its name, its port, its address");
	CHECK(leads_to(policy, "pg.internal", 5432, "127.0.0.1", NULL));
	CHECK(!leads_to(policy, "pg.internal", 5433, "127.0.0.1", NULL));
	CHECK(!leads_to(policy, "pg.internal", 5432, "127.0.0.2", NULL));
	CHECK(!leads_to(policy, "pg2.internal", 5432, "127.0.0.1", NULL));
	CHECK(leads_to(policy, "own.internal", 80, "192.168.7.7", NULL));
	CHECK(leads_to(policy, "db.corp", 22, "10.9.9.9", NULL));
	CHECK(!leads_to(policy, "db.corp", 22, "10.9.9.10", NULL));
	CHECK(!leads_to(policy, "web.corp", 22, "10.9.9.9", NULL));
	CHECK(leads_to(policy, "me.corp", 22, "192.168.7.7", NULL));
	CHECK(!leads_to(policy, "loop.corp", 22, "127.0.0.1", NULL));

	TEST("addresses that names were given");
	CHECK(policy_pinned(policy, "pg.internal", 5432, ips, 4) == 1);
	CHECK(ip_parse("127.0.0.1", &want) && ip_equals(&ips[0], &want));
	CHECK(policy_pinned(policy, "pg.internal", 1, ips, 4) == 0);
	CHECK(policy_pinned(policy, "db.corp", 1, ips, 0) == 1);
	CHECK(policy_pinned(policy, "loop.corp", 1, ips, 4) == 0);
	CHECK(policy_pinned(policy, "a.test", 1, ips, 4) == 0);
}

static void check_words(const char *text, const char *id, struct policy_ask ask, const char *reason,
			const char *remedy)
{
	AUTO(auto_policy) struct policy *policy = make(text, NULL, id);
	struct policy_verdict verdict;

	CHECK(!policy_check(policy, &ask, &verdict));
	CHECK_STR(verdict.reason, reason);
	CHECK_STR(verdict.remedy, remedy);
}

static void check_denials(void)
{
	AUTO(auto_policy) struct policy *open = make(NULL, NULL, NULL);
	struct policy_ask ask = {POLICY_CONNECT, "A.test", 443};
	struct policy_verdict verdict;
	struct ip ips[2];

	TEST("a denial says why, and what would allow it");
	check_words("", NULL, ask, "host not in allowlist", "matchlock run --allow-host a.test");
	check_words("", "vm-1", ask, "host not in allowlist",
		    "matchlock allow-list add vm-1 a.test");
	ask.port = 22;
	check_words("allow-host a.test", "vm-1", ask, "host not in allowlist at port 22",
		    "matchlock allow-list add vm-1 a.test:22");
	ask = (struct policy_ask){POLICY_OTHER, "a.test", 443};
	check_words("allow-host a.test", "vm-1", ask,
		    "host not in allowlist at port 443 for what is neither TLS nor HTTP",
		    "matchlock allow-list add vm-1 a.test:443");
	ask = (struct policy_ask){POLICY_CONNECT, "2606:4700::1", 443};
	check_words("", "vm-1", ask, "host not in allowlist",
		    "matchlock allow-list add vm-1 '[2606:4700::1]:443'");
	ask = (struct policy_ask){POLICY_CONNECT, "10.0.0.5", 80};
	check_words("", "vm-1", ask, "host not in allowlist",
		    "matchlock run --allow-host 10.0.0.5:80 --allow-private 10.0.0.5");
	check_words(NULL, "vm-1", ask, "10.0.0.5 is a private address (RFC 1918)",
		    "matchlock run --allow-private 10.0.0.5");
	ask.host = "127.0.0.1";
	check_words(NULL, NULL, ask, "127.0.0.1 is a loopback address",
		    "matchlock run --allow-host-service 'service.internal=127.0.0.1:80'");
	ask.host = "224.0.0.1";
	check_words(NULL, NULL, ask, "224.0.0.1 is a multicast address", "");
	ask.host = "evil\x1b[0m";
	check_words(NULL, NULL, ask, "not a host name or an address", "");
	ask.host = "";
	check_words(NULL, NULL, ask, "no host name was given", "");
	ask.host = "10.9.9.9"; /* the name is what would be allowed */
	check_words("", "vm-1", ask, "host not in allowlist",
		    "matchlock allow-list add vm-1 alias.corp");

	TEST("of a name that leads below the floor");
	ask.host = "a.test";
	ip_parse("10.0.0.5", &ips[0]);
	ip_parse("fd00::5", &ips[1]);
	CHECK(!policy_check_ips(open, &ask, ips, 2, &verdict));
	CHECK_STR(verdict.reason,
		  "a.test leads to 10.0.0.5, which is a private address (RFC 1918)");
	CHECK_STR(verdict.remedy, "matchlock run --allow-private 10.0.0.5 --allow-private fd00::5");
	ip_parse("192.168.7.7", &ips[0]);
	CHECK(!policy_check_ips(open, &ask, ips, 1, &verdict));
	CHECK_STR(verdict.reason, "a.test leads to 192.168.7.7, which is an address of this host");
	CHECK_STR(verdict.remedy, "matchlock run --allow-host-service 'a.test=192.168.7.7:80'");

	TEST("an allowance names its rule, and the entry that is enough");
	ask = (struct policy_ask){POLICY_CONNECT, "A.Test.", 22};
	CHECK(policy_check(open, &ask, &verdict));
	CHECK_STR(verdict.rule, "");
	CHECK_STR(verdict.entry, "a.test:22");
	CHECK_STR(verdict.name, "a.test");
}

/* What the list's own remedy says is true: with it the ask is allowed. */
static void check_remedies(void)
{
	TEST("the entry of every denial by the list allows what was asked");
	for (size_t i = 0; i < ARRAY_SIZE(listed_rows); i++) {
		struct policy_ask ask = {listed_rows[i].protocol, listed_rows[i].host,
					 listed_rows[i].port};
		AUTO(auto_policy) struct policy *empty = make("", NULL, NULL), *policy = NULL;
		AUTO_FREE char *text = NULL;
		struct policy_verdict verdict, then;

		CHECK(!policy_check(empty, &ask, &verdict));
		if (!verdict.remedy[0] || strstr(verdict.remedy, "private") ||
		    strstr(verdict.remedy, "service") ||
		    (ask.port == 0 && ask.protocol != POLICY_DNS))
			continue;
		CHECK(asprintf(&text, "allow-host %s", verdict.entry) > 0);
		policy = make(text, NULL, NULL);
		CHECK(policy_check(policy, &ask, &then));
		if (!then.allowed)
			printf("# %s: %s\n", verdict.entry, then.reason);
	}
}

static void check_wrong(const char *text, const char *want)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	struct policy_facts facts = {0};
	struct policy *policy = NULL;
	struct err err = {0};

	CHECK(policy_file_parse(&spec, view_of(text), &err) == 0);
	CHECK(policy_new(&spec, &facts, &policy, &err) < 0 && !policy);
	CHECK_STR(err.msg, want);
}

static void check_known(void)
{
	AUTO(auto_policy)
	struct policy *policy = make("allow-host *\n"
				     "allow-host *.example.com\n"
				     "allow-host www.example.com:22\n"
				     "allow-host-service api.host=127.0.0.1:80\n",
				     NULL, NULL);

	TEST("how a name is known: by an address, on the list, by a pattern, not at all");
	CHECK(policy_known(policy, "api.host") == POLICY_PINNED);
	CHECK(policy_known(policy, "db.corp") == POLICY_PINNED);
	CHECK(policy_known(policy, "www.example.com") == POLICY_NAMED);
	CHECK(policy_known(policy, "a.b.example.com") == POLICY_PATTERN);
	CHECK(policy_known(policy, "example.com") == POLICY_UNNAMED);
}

int main(void)
{
	check_modes();
	check_known();
	check_openings();
	check_resolved();
	check_denials();
	check_remedies();

	TEST("what is never opened is refused");
	check_wrong("allow-private 0.0.0.0/0",
		    "invalid private range '0.0.0.0/0': it is wider than 0.0.0.0/8; name "
		    "ranges one by one");
	check_wrong("allow-private 8.8.8.8",
		    "invalid private range '8.8.8.8': it is public; to allow it use --allow-host "
		    "8.8.8.8");
	check_wrong("allow-private 127.0.0.0/8",
		    "invalid private range '127.0.0.0/8': a loopback address is never opened; one "
		    "port of this host is, by --allow-host-service NAME=ADDRESS:PORT");
	check_wrong("allow-host-service a=0.0.0.0:80",
		    "invalid host service 'a=0.0.0.0:80': an address of \"this network\" (RFC "
		    "791) is never opened");
	check_wrong("allow-host-service a=224.0.0.1:80",
		    "invalid host service 'a=224.0.0.1:80': a multicast address is never opened");
	return tap_done();
}
