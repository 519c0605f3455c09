// SPDX-License-Identifier: MIT
/* Messages are written in hexadecimal, as RFC 1035 draws them; `_` and blanks are not looked at. */
#include "gateway/dns.h"

#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

#define HEADER	   "1234 0100 0001 0000 0000 0000 "
#define HEADER_OPT "1234 0100 0001 0000 0000 0001 "
#define NAME	   "03777777 074578416D506c65 0474657374 00 " /* www.ExAmPle.test */
#define OPT	   "00 0029 1000 00 00 0000 0000"

static struct view unhex(const char *text, char *room)
{
	size_t len = 0;

	for (; *text; text++) {
		char digits[3] = {text[0], text[1]};

		if (*text == ' ')
			continue;
		room[len++] = (char)strtoul(digits, NULL, 16);
		text++;
	}
	return (struct view){room, len};
}

static void hex(struct view bytes, char *ret_text)
{
	for (size_t i = 0; i < bytes.len; i++)
		sprintf(ret_text + 2 * i, "%02x", (uint8_t)bytes.ptr[i]);
	ret_text[2 * bytes.len] = '\0';
}

/* "rcode name type", or "none" when nothing may be answered. */
static struct dns_query check_read(const char *message, const char *want)
{
	struct dns_query query = {0};
	char room[1024], got[1100];

	if (dns_read(unhex(message, room), &query))
		snprintf(got, sizeof(got), "%d %s %u", (int)query.rcode, query.name, query.type);
	else
		snprintf(got, sizeof(got), "none");
	CHECK_STR(got, want);
	return query;
}

static void test_read(void)
{
	struct dns_query query;

	TEST("a plain query");
	query = check_read(HEADER NAME "0001 0001", "0 www.example.test 1");
	CHECK(query.id == 0x1234 && query.recursion_desired && !query.checking_disabled);
	CHECK(!query.edns && query.udp_size == 512);
	check_read("0000 0000 0001 0000 0000 0000 00 0002 0001", "0  2");

	TEST("EDNS: size and DO; a small size counts as 512");
	query = check_read(HEADER_OPT NAME "001c 0001 00 0029 1000 00 00 8000 0000",
			   "0 www.example.test 28");
	CHECK(query.edns && query.udp_size == 4096 && query.dnssec_ok);
	query = check_read(HEADER_OPT NAME "0001 0001 00 0029 0010 00 00 0000 0000",
			   "0 www.example.test 1");
	CHECK(query.edns && query.udp_size == 512 && !query.dnssec_ok);
	check_read(HEADER_OPT NAME
		   "0001 0001 00 0029 1000 00 00 0000 000c 000a0008 0102030405060708",
		   "0 www.example.test 1");
	check_read(HEADER_OPT NAME "0001 0001 00 0029 1000 00 01 0000 0000",
		   "16 www.example.test 1");

	TEST("bytes that no host name has stay visible");
	check_read(HEADER "03 612e62 00 0001 0001", "0 a\\046b 1");
	check_read(HEADER "04 5c00ff20 00 0001 0001", "0 \\092\\000\\255\\032 1");

	TEST("no answer to what is no query");
	check_read("", "none");
	check_read("1234 0100 0001 0000 0000 00", "none");
	check_read("1234 8180 0001 0000 0000 0000 " NAME "0001 0001", "none");
}

static void test_malformed(void)
{
	static const char *const malformed[] = {
		"1234 0100 0000 0000 0000 0000", /* no question */
		"1234 0100 0002 0000 0000 0000 " NAME "0001 0001 " NAME "001c 0001",
		"1234 0100 ffff 0000 0000 0000 " NAME "0001 0001",
		"1234 0100 0001 0001 0000 0000 " NAME "0001 0001 c00c 0001 0001 00000000 0000",
		"1234 0100 0001 0000 0001 0000 " NAME "0001 0001 c00c 0001 0001 00000000 0000",
		"1234 0100 0001 0000 0000 0002 " NAME "0001 0001 " OPT OPT,
		HEADER_OPT NAME "0001 0001",				  /* OPT missing */
		HEADER_OPT NAME "0001 0001 00 0029 1000 00 00 0000 0001", /* and cut */
		HEADER_OPT NAME "0001 0001 00 0029 1000 00 00 0000 0003 000000",
		HEADER_OPT NAME "0001 0001 0161 00 0029 1000 00 00 0000 0000", /* not at root */
		HEADER_OPT NAME "0001 0001 00 00fa 00ff 0000 0000 0000",       /* TSIG */
		HEADER NAME "0001 0001 00",				       /* a byte behind */
		HEADER NAME "0001 00",					       /* cut */
		HEADER "c00c 0001 0001",      /* a pointer to itself */
		HEADER "0161 c00c 0001 0001", /* a loop */
		HEADER "0161 c000 0001 0001", /* into the header */
		HEADER "c0ff 0001 0001",      /* behind the end */
		HEADER "4161 00 0001 0001",   /* old label types */
		HEADER "8161 00 0001 0001",
		HEADER "03616263", /* no root */
		HEADER "0361",
	};
	char room[1024];
	struct dns_query query;

	TEST("what is not exactly one question is a format error");
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		bool read = dns_read(unhex(malformed[i], room), &query);

		if (!read || query.rcode != DNS_FORMERR)
			CHECK_STR(malformed[i], "read as FORMERR");
	}

	TEST("other operations and other classes are refused");
	check_read("1234 2800 0001 0000 0000 0000 " NAME "0006 0001", "4  0");
	check_read(HEADER NAME "0010 0003", "5 www.example.test 16");
}

static void test_long_names(void)
{
	char message[1024] = {0x12, 0x34, 1, 0, 0, 1};
	struct dns_query query;
	size_t len = 12;

	TEST("255 bytes of name, each written as four, and no byte more");
	for (int label = 0; label < 4; label++) {
		size_t size = label < 3 ? 63 : 61;

		message[len++] = (char)size;
		memset(message + len, 0xff, size);
		len += size;
	}
	memcpy(message + len, "\0\0\1\0\1", 5);
	CHECK(dns_read((struct view){message, len + 5}, &query) && query.rcode == DNS_NOERROR);
	CHECK(strlen(query.name) == 250 * 4 + 3 && query.question_len == 259);
	message[12 + 3 * 64]++;
	memcpy(message + len, "x\0\0\1\0\1", 6);
	CHECK(dns_read((struct view){message, len + 6}, &query) && query.rcode == DNS_FORMERR);
}

static void check_answer(const char *message, const struct dns_answer *answer,
			 enum dns_transport transport, const char *want)
{
	AUTO_BUF struct buf out = BUF_INIT(70000);
	char room[1024], got[2048], plain[2048];
	struct dns_query query;
	struct view bytes;

	CHECK(dns_read(unhex(message, room), &query));
	dns_answer(&query, answer, transport, &out);
	CHECK(!out.failed && out.len < 1000);
	hex((struct view){out.ptr, out.len}, got);
	bytes = unhex(want, room);
	hex(bytes, plain);
	CHECK_STR(got, plain);
}

#define SOA "00 0006 0001 00000001 0016 0000 00000001 00000001 00000001 00000001 00000001 "

static void test_answer(void)
{
	struct dns_record a = {DNS_A, 60, VIEW_LIT("\xc6\x12\0\1")};

	TEST("an address; the question goes back in its own case");
	check_answer(HEADER NAME "0001 0001", &(struct dns_answer){DNS_NOERROR, &a, 1}, DNS_UDP,
		     "1234 8180 0001 0001 0000 0000 " NAME "0001 0001"
		     "c00c 0001 0001 0000003c 0004 c6120001");

	TEST("no data, and no such name: an SOA of one second");
	check_answer(HEADER NAME "001c 0001", &(struct dns_answer){0}, DNS_UDP,
		     "1234 8180 0001 0000 0001 0000 " NAME "001c 0001" SOA);
	check_answer(HEADER_OPT NAME "0041 0001 00 0029 1000 00 00 8000 0000",
		     &(struct dns_answer){.rcode = DNS_NXDOMAIN}, DNS_TCP,
		     "004e 1234 8183 0001 0000 0001 0001 " NAME "0041 0001" SOA
		     "00 0029 04d0 00 00 8000 0000");

	TEST("errors have neither; RD and CD go back, RA is ours");
	check_answer("1234 0010 0001 0000 0000 0000 " NAME "0001 0001",
		     &(struct dns_answer){.rcode = DNS_SERVFAIL}, DNS_UDP,
		     "1234 8092 0001 0000 0000 0000 " NAME "0001 0001");
	check_answer("1234 2900 0001 0000 0000 0000 " NAME "0001 0001",
		     &(struct dns_answer){.rcode = DNS_NOTIMP}, DNS_UDP,
		     "1234 a984 0000 0000 0000 0000");
	check_answer(HEADER_OPT NAME "0001 0001 00 0029 1000 00 01 0000 0000",
		     &(struct dns_answer){.rcode = DNS_BADVERS}, DNS_UDP,
		     "1234 8180 0001 0000 0000 0001 " NAME "0001 0001"
		     "00 0029 04d0 01 00 0000 0000");
}

static size_t answer_size(const char *message, size_t data, enum dns_transport transport,
			  bool *ret_cut)
{
	static const char zeros[70000];
	struct dns_record txt = {DNS_TXT, 1, {zeros, data}};
	AUTO_BUF struct buf out = BUF_INIT(70000);
	struct dns_query query;
	char room[1024];

	CHECK(dns_read(unhex(message, room), &query));
	dns_answer(&query, &(struct dns_answer){DNS_NOERROR, &txt, 1}, transport, &out);
	*ret_cut = out.ptr[transport == DNS_TCP ? 4 : 2] & 2;
	return out.len;
}

static void test_cut(void)
{
	static const char plain[] = HEADER "00 0010 0001";
	static const char edns[] = HEADER_OPT "00 0010 0001 00 0029 ffff 00 00 0000 0000";
	bool cut;

	TEST("what is too large for UDP goes without records and says so");
	CHECK(answer_size(plain, 512 - 29, DNS_UDP, &cut) == 512 && !cut);
	CHECK(answer_size(plain, 512 - 28, DNS_UDP, &cut) == 17 && cut);
	CHECK(answer_size(edns, LIMIT_DNS_UDP - 40, DNS_UDP, &cut) == LIMIT_DNS_UDP && !cut);
	CHECK(answer_size(edns, LIMIT_DNS_UDP - 39, DNS_UDP, &cut) == 28 && cut);
	CHECK(answer_size(plain, 65535 - 29, DNS_TCP, &cut) == 65537 && !cut);
	CHECK(answer_size(plain, 65535 - 28, DNS_TCP, &cut) == 19 && cut);
}

static void test_data(void)
{
	static const struct {
		uint16_t type;
		const char *data;
		bool ok;
	} rows[] = {
		{DNS_A, "01020304", true},
		{DNS_A, "010203", false},
		{DNS_AAAA, "00000000 00000000 00000000 00000000", true},
		{DNS_AAAA, "00000000", false},
		{DNS_PTR, "0161 00", true},
		{DNS_PTR, "0161", false},
		{DNS_CNAME, "c00c", false},
		{DNS_MX, "000a 0161 00", true},
		{DNS_MX, "0000 00", true}, /* RFC 7505: no mail */
		{DNS_MX, "000a 0161 00 00", false},
		{DNS_MX, "00", false},
		{DNS_SRV, "0001 0002 01bb 0161 00", true},
		{DNS_SRV, "0001 0002 01bb", false},
		{DNS_TXT, "00", true},
		{DNS_TXT, "0161 026263", true},
		{DNS_TXT, "", false},
		{DNS_TXT, "0261", false},
		{DNS_CAA, "00 05 6973737565 63612e74657374", true},
		{DNS_CAA, "00 00", false},
		{DNS_CAA, "00 01 2e", false},
		{DNS_CAA, "00 10 61616161616161616161616161616161", false},
		{DNS_SOA, "00", false},
		{DNS_HTTPS, "0001 00", false},
	};
	char room[64];

	TEST("record data by type");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (dns_data_ok(rows[i].type, unhex(rows[i].data, room)) != rows[i].ok)
			CHECK_STR(rows[i].data, rows[i].ok ? "right" : "wrong");
	}
}

static void check_reverse(const char *name, const char *want)
{
	char text[IP_TEXT] = "none";
	struct dns_query query;
	struct ip ip;

	snprintf(query.name, sizeof(query.name), "%s", name);
	if (dns_reverse_ip(&query, &ip))
		ip_format(&ip, text);
	CHECK_STR(text, want);
}

static void test_names(void)
{
	AUTO_BUF struct buf out = BUF_INIT(256);

	TEST("names of addresses");
	check_reverse("1.0.18.198.in-addr.arpa", "198.18.0.1");
	check_reverse("255.255.19.198.in-addr.arpa", "198.19.255.255");
	check_reverse("01.0.18.198.in-addr.arpa", "none");
	check_reverse("256.0.18.198.in-addr.arpa", "none");
	check_reverse("0.18.198.in-addr.arpa", "none");
	check_reverse("2.1.0.18.198.in-addr.arpa", "none");
	check_reverse("1.0.18.198.in-addr.arpa.test", "none");
	check_reverse("1..18.198.in-addr.arpa", "none");
	check_reverse("a:.:0.1.2.in-addr.arpa", "none");
	check_reverse("", "none");

	TEST("a name as it is on the wire");
	dns_put_name(&out, "a.example.test");
	CHECK(out.len == 16 && memcmp(out.ptr, "\1a\7example\4test", 16) == 0);
	CHECK(dns_data_ok(DNS_PTR, (struct view){out.ptr, out.len}));
}

static void check_unframe(struct view bytes, ssize_t want, size_t want_len)
{
	struct view message = {0};
	struct err err;

	CHECK(dns_unframe(bytes, &message, &err) == want);
	CHECK(message.len == want_len);
}

static void test_unframe(void)
{
	TEST("messages of a TCP stream");
	check_unframe(VIEW_LIT(""), 0, 0);
	check_unframe(VIEW_LIT("\0"), 0, 0);
	check_unframe(VIEW_LIT("\0\x0c"), 0, 0);
	check_unframe(VIEW_LIT("\0\x0c"
			       "0123456789a"),
		      0, 0);
	check_unframe(VIEW_LIT("\0\x0c"
			       "0123456789ab"),
		      14, 12);
	check_unframe(VIEW_LIT("\0\x0c"
			       "0123456789ab\0"),
		      14, 12);
	check_unframe(VIEW_LIT("\1\0"
			       "0123456789ab\0"),
		      0, 0);
	check_unframe(VIEW_LIT("\0\x0b"), -1, 0);
	check_unframe(VIEW_LIT("\0\0"
			       "x"),
		      -1, 0);
}

int main(void)
{
	test_read();
	test_malformed();
	test_long_names();
	test_answer();
	test_cut();
	test_data();
	test_names();
	test_unframe();
	return tap_done();
}
