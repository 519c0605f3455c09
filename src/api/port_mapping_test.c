// SPDX-License-Identifier: MIT
#include "api/port_mapping.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

#define LIST(...) ((char *const[]){__VA_ARGS__, NULL})
#define SPEC	  "invalid port-forward specification: "

/* All mappings as one text, or the error. */
static const char *parsed(char *const *specs, char *const *addresses)
{
	static char text[1024];
	AUTO_FREE struct port_mapping *mappings = NULL;
	AUTO_BUF struct buf buf = BUF_INIT(sizeof(text));
	size_t count;
	struct err err;

	if (port_mappings_parse(specs, addresses, &mappings, &count, &err) < 0)
		buf_puts(&buf, err.msg);
	else
		for (size_t i = 0; i < count; i++) {
			char local[PORT_MAPPING_TEXT];

			port_mapping_format_local(&mappings[i], local);
			buf_printf(&buf, "%s->%u ", local, mappings[i].guest_port);
		}
	snprintf(text, sizeof(text), "%s", buf.ptr);
	return text;
}

static const char *one(const char *spec)
{
	return parsed(LIST((char *)spec), NULL);
}

static void good(void)
{
	TEST("one port is the same on both sides, two are LOCAL:REMOTE, with an ADDRESS if need "
	     "be");
	CHECK_STR(one("80"), "127.0.0.1:80->80 ");
	CHECK_STR(one("8080:80"), "127.0.0.1:8080->80 ");
	CHECK_STR(one("0.0.0.0:8080:80"), "0.0.0.0:8080->80 ");
	CHECK_STR(one("localhost:1:65535"), "127.0.0.1:1->65535 ");
	CHECK_STR(one("[::1]:8080:80"), "[::1]:8080->80 ");
	CHECK_STR(one("8080:80/tcp"), "127.0.0.1:8080->80 ");

	TEST("0 is any free port, and so is none behind an address");
	CHECK_STR(one("0:80"), "127.0.0.1:0->80 ");
	CHECK_STR(one("127.0.0.1::80"), "127.0.0.1:0->80 ");

	TEST("each at each address, once, unless it has its own");
	CHECK_STR(parsed(LIST((char *)"80", (char *)"127.0.0.9:81:82"),
			 LIST((char *)"::", (char *)"localhost", (char *)"127.0.0.1",
			      (char *)"0:0::0")),
		  "[::]:80->80 127.0.0.1:80->80 127.0.0.9:81->82 ");
	CHECK_STR(parsed(NULL, LIST((char *)"nonsense")), "");
}

static void bad(void)
{
	AUTO(auto_strv) char **many = NULL;

	TEST("what is not of the form");
	CHECK_STR(one(""), SPEC "invalid port-forward spec format: \"\" (use "
				"[ADDRESS:][LOCAL:]REMOTE, such as 8080:80)");
	CHECK_STR(one(":80"), SPEC "invalid port-forward spec format: \":80\" (use "
				   "[ADDRESS:][LOCAL:]REMOTE, such as 8080:80)");
	CHECK_STR(one("80:"), SPEC "invalid port-forward spec format: \"80:\" (use "
				   "[ADDRESS:][LOCAL:]REMOTE, such as 8080:80)");
	CHECK_STR(one("::1:8080:80"), SPEC "invalid port-forward spec format: \"::1:8080:80\" "
					   "(use [ADDRESS:][LOCAL:]REMOTE, IPv6 in brackets)");
	CHECK_STR(one(":1:2"), SPEC "invalid port-forward spec format: \":1:2\" "
				    "(use [ADDRESS:][LOCAL:]REMOTE, IPv6 in brackets)");
	CHECK_STR(one("53:53/udp"), SPEC "invalid port-forward spec format: \"53:53/udp\" "
					 "(only TCP is forwarded)");

	TEST("what is no port");
	CHECK_STR(one("0"), SPEC "invalid port 0: must be in range 1-65535");
	CHECK_STR(one("80:0"), SPEC "invalid port 0: must be in range 1-65535");
	CHECK_STR(one("65536:80"), SPEC "invalid port 65536: must be in range 1-65535");
	CHECK_STR(one("99999999999999999999999999"),
		  SPEC "invalid port 99999999999999999999: must be in range 1-65535");
	CHECK_STR(one("http:80"), SPEC "invalid port \"http\": must be in range 1-65535");
	CHECK_STR(one("80-90"), SPEC "invalid port \"80-90\": must be in range 1-65535");
	CHECK_STR(one("+1"), SPEC "invalid port \"+1\": must be in range 1-65535");

	TEST("what is no address, after what is no specification");
	CHECK_STR(parsed(LIST((char *)"80"), LIST((char *)"example.com")),
		  "invalid port-forward bind address: invalid bind address \"example.com\" (use an "
		  "IP literal or localhost)");
	CHECK_STR(parsed(LIST((char *)"0"), LIST((char *)"example.com")),
		  SPEC "invalid port 0: must be in range 1-65535");
	CHECK_STR(one("[nonsense]:1:2"), SPEC "invalid bind address \"nonsense\" (use an IP "
					      "literal or localhost)");

	TEST("too many");
	for (int i = 0; i <= LIMIT_LISTENERS; i++)
		strv_add(&many, "80");
	CHECK_STR(parsed(many, NULL), "more than 100 ports and addresses to listen at");
}

int main(void)
{
	good();
	bad();
	return tap_done();
}
