// SPDX-License-Identifier: MIT
#include "api/host_entry.h"

#include "api/host_service.h"
#include "base/attr.h"
#include "base/tap.h"

#define LONG63 "a23456789012345678901234567890123456789012345678901234567890123"

struct row {
	const char *text, *want; /* the written form, or the reason of the error */
};

static const struct row entries[] = {
	{"*", "*"},
	{"*:22", "*:22"},
	{"example.com", "example.com"},
	{"EXAMPLE.Com.", "example.com"},
	{"example.com:8443", "example.com:8443"},
	{"*.Example.com:443", "*.example.com:443"},
	{"api-*-*.example.com", "api-*-*.example.com"},
	{"localhost", "localhost"},
	{"_dmarc.example.com", "_dmarc.example.com"},
	{"r3---sn-a.example.com", "r3---sn-a.example.com"},
	{"1e100.net", "1e100.net"},
	{"1.2.3.4.example", "1.2.3.4.example"},
	{LONG63 ".example", LONG63 ".example"},
	{LONG63 "." LONG63 "." LONG63 "."
		"a2345678901234567890123456789012345678901234567890123456789.b",
	 LONG63 "." LONG63 "." LONG63 "."
		"a2345678901234567890123456789012345678901234567890123456789.b"},
	/* IDN: UTS #46, non-transitional */
	{"b\303\274cher.example", "xn--bcher-kva.example"},
	{"B\303\234CHER.example", "xn--bcher-kva.example"},
	{"bu\314\210cher.example", "xn--bcher-kva.example"},
	{"fa\303\237.example", "xn--fa-hia.example"},
	{"*.b\303\274cher.example:22", "*.xn--bcher-kva.example:22"},
	{"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
	{"\357\275\205xample.com", "example.com"}, /* full-width e */
	/* addresses and ranges */
	{"192.0.2.1", "192.0.2.1"},
	{"192.0.2.1:22", "192.0.2.1:22"},
	{"192.0.2.1/32", "192.0.2.1"},
	{"192.0.2.0/24:22", "192.0.2.0/24:22"},
	{"2001:DB8::1", "2001:db8::1"},
	{"[2001:db8::1]", "2001:db8::1"},
	{"[2001:db8::1]:443", "[2001:db8::1]:443"},
	{"2001:db8::/32", "2001:db8::/32"},
	{"[2001:db8::/32]:443", "[2001:db8::/32]:443"},
	{"::ffff:192.0.2.1", "192.0.2.1"},
	{"0.0.0.0/0", "0.0.0.0/0"},
};

#define BAD_LABEL                                                                              \
	"each part of a host name is 1 to 63 letters, digits, '-' or '_', with no '-' at its " \
	"ends"
#define BAD_NUMBER                                                                               \
	"a name does not end in a number; addresses are written like 192.0.2.1, ranges of them " \
	"like 192.0.2.0/24"
#define BAD_PORT "expected a port of 1 to 65535 behind the ':'"
#define BAD_URL	 "this is a URL: write its host, and a port as host:port"
#define BAD_V6	 "expected an IPv6 address"
#define BAD_NET	 "expected an IP address or a range such as 10.0.0.0/8"

static const struct row wrong[] = {
	{"", "expected a host name or an IP address"},
	{":443", "expected a host name or an IP address"},
	{".", BAD_LABEL},
	{".example.com", BAD_LABEL},
	{"a..b", BAD_LABEL},
	{"a.b..", BAD_LABEL},
	{"-a.example", BAD_LABEL},
	{"a-.example", BAD_LABEL},
	{"a b", BAD_LABEL},
	{"a\tb", BAD_LABEL},
	{"a,b", BAD_LABEL},
	{"a@b.example", BAD_LABEL},
	{"a?.example", BAD_LABEL},
	{"[a-z].example", "expected [IPv6 address]:port"},
	{LONG63 "4.example", BAD_LABEL},
	{LONG63 "." LONG63 "." LONG63 "." LONG63 ".b", "a host name has at most 253 bytes"},
	{"\377.example", "not valid UTF-8"},
	{"a\357\274\216b.example", "'.' and '*' are written in ASCII"}, /* full-width dot */
	{"127.1", BAD_NUMBER},
	{"2130706433", BAD_NUMBER},
	{"0x7f000001", BAD_NUMBER},
	{"0x", BAD_NUMBER},
	{"1.2.3.0x4", BAD_NUMBER},
	{"01.2.3.4", BAD_NUMBER},
	{"1.2.3.4.", BAD_NUMBER},
	{"10.0.0.*", BAD_NUMBER},
	{"10.*", BAD_NUMBER},
	{"*.1", BAD_NUMBER},
	{"\357\274\221\357\274\222", BAD_NUMBER}, /* full-width digits */
	{"example.com:", BAD_PORT},
	{"example.com:0", BAD_PORT},
	{"example.com:022", BAD_PORT},
	{"example.com:65536", BAD_PORT},
	{"example.com:99999999999", BAD_PORT},
	{"example.com:ssh", BAD_PORT},
	{"example.com:+22", BAD_PORT},
	{"example.com:22 ", BAD_PORT},
	{"https://example.com/", BAD_URL},
	{"example.com/path", BAD_NET},
	{"example.com:80:80", BAD_V6},
	{"[example.com]:80", BAD_V6},
	{"[192.0.2.1]:80", "only IPv6 stands in brackets"},
	{"[2001:db8::1", "expected [IPv6 address]:port"},
	{"[2001:db8::1]443", "expected [IPv6 address]:port"},
	{"2001:db8::g", BAD_V6},
	{"fe80::1%eth0", BAD_V6},
	{"10.0.0.1/8", "bits behind the prefix are set: write 10.0.0.0/8"},
};

static void check_entries(void)
{
	struct host_entry entry, again;
	char text[HOST_ENTRY_TEXT], twice[HOST_ENTRY_TEXT];
	struct err err = {0};

	TEST("entries and the one way to write them");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		CHECK(host_entry_parse(entries[i].text, &entry, &err) == 0);
		host_entry_format(&entry, text);
		CHECK_STR(text, entries[i].want);
		CHECK(host_entry_parse(text, &again, &err) == 0);
		host_entry_format(&again, twice);
		CHECK_STR(twice, text);
	}

	TEST("what is no entry, and why");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *reason;

		CHECK(host_entry_parse(wrong[i].text, &entry, &err) < 0);
		CHECK(err.code == ERR_INVALID);
		CHECK(strncmp(err.msg, "invalid allow-list host \"", 25) == 0);
		reason = strstr(err.msg, "\": ");
		CHECK_STR(reason ? reason + 3 : err.msg, wrong[i].want);
	}
}

static void check_names(void)
{
	char name[HOST_NAME_SIZE];

	TEST("names from a network are ASCII, and nothing but names");
	CHECK(host_name_read("ExAmPlE.com.", name));
	CHECK_STR(name, "example.com");
	CHECK(host_name_read("xn--bcher-kva.example", name));
	CHECK(!host_name_read("b\303\274cher.example", name));
	CHECK(!host_name_read("", name) && !host_name_read(".", name));
	CHECK(!host_name_read("a..b", name) && !host_name_read("a..", name));
	CHECK(!host_name_read("*", name) && !host_name_read("*.example.com", name));
	CHECK(!host_name_read("a\nb", name) && !host_name_read("a/b", name));
	CHECK(!host_name_read("127.1", name) && !host_name_read("0x7F.1", name));
	CHECK(!host_name_read("1.2.3.4", name) && !host_name_read("::1", name));
	CHECK(host_name_read(LONG63 "." LONG63 "." LONG63 "." LONG63, name) == false);
}

static void check_services(void)
{
	static const struct row rows[] = {
		{"db=127.0.0.1:5432", "db=127.0.0.1:5432"},
		{"DB.Internal.=127.0.0.1:1", "db.internal=127.0.0.1:1"},
		{"db=[::1]:5432", "db=[::1]:5432"},
		{"db=[::ffff:127.0.0.1]:80", "db=127.0.0.1:80"},
		{"db", "expected NAME=ADDRESS:PORT, such as db.internal=127.0.0.1:5432"},
		{"db=127.0.0.1", "expected a port behind the address"},
		{"db=localhost:80", "expected an IP address behind the '='"},
		{"db=127.0.0.1:0", BAD_PORT},
		{"=127.0.0.1:80", "expected a host name or an IP address"},
		{"*=127.0.0.1:80", BAD_LABEL},
		{"db=::1:80", "expected a port behind the address"},
	};

	TEST("services of the host");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[HOST_SERVICE_TEXT];
		struct host_service service;
		struct err err = {0};
		const char *reason;

		if (host_service_parse(rows[i].text, &service, &err) == 0) {
			host_service_format(&service, text);
			CHECK_STR(text, rows[i].want);
			continue;
		}
		reason = strstr(err.msg, "\": ");
		CHECK_STR(reason ? reason + 3 : err.msg, rows[i].want);
	}
}

int main(void)
{
	check_entries();
	check_names();
	check_services();
	return tap_done();
}
