// SPDX-License-Identifier: MIT
/* What a proxy's URL may be, what NO_PROXY means, what is asked and how a refusal reads. */
#include "gateway/proxy.h"

#include "base/attr.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

static void test_url(void)
{
	static const struct {
		const char *url, *host, *credentials;
		uint16_t port;
	} good[] = {
		{"http://proxy.example:3128", "proxy.example", NULL, 3128},
		{"HTTP://Proxy.Example:3128/", "proxy.example", NULL, 3128},
		{"192.0.2.1:80", "192.0.2.1", NULL, 80},
		{"http://[2001:db8::1]:8080", "2001:db8::1", NULL, 8080},
		{"http://a:b@proxy:1", "proxy", "Basic YTpi", 1},
		{"http://user@proxy:1", "proxy", "Basic dXNlcjo=", 1},
		{"http://Aladdin:open%20sesame@proxy:1", "proxy",
		 "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", 1},
		{"http://u:p%40%3a@x@proxy:1", "proxy", "Basic dTpwQDpAeA==", 1},
	};

	TEST("a proxy's URL gives host, port and credentials");
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct proxy *proxy = NULL;
		struct err err = {0};

		CHECK(proxy_new(good[i].url, NULL, &proxy, &err) == 0);
		CHECK_STR(err.msg, "");
		if (!proxy)
			continue;
		CHECK_STR(proxy->address.host, good[i].host);
		CHECK(proxy->address.port == good[i].port);
		if (good[i].credentials)
			CHECK_STR(proxy->credentials, good[i].credentials);
		else
			CHECK(!proxy->credentials);
		proxy_free(proxy);
	}
}

static void test_bad_url(void)
{
	static const struct {
		const char *url, *text;
	} bad[] = {
		{"https://u:secret@proxy:1",
		 "proxy: only a proxy of http:// can be used, not https:// or socks"},
		{"socks5://proxy:1",
		 "proxy: only a proxy of http:// can be used, not https:// or socks"},
		{"http://u:secret@proxy", "proxy: no port; write http://proxy:PORT"},
		{"http://u:secret@proxy:1/path", "proxy: something follows its HOST:PORT"},
		{"http://u:secret@proxy:1?x", "proxy: something follows its HOST:PORT"},
		{"http://u:secret@pro xy:1", "proxy: not http://[USER:PASSWORD@]HOST:PORT"},
		{"http://u:secret@proxy:99999", "proxy: not http://[USER:PASSWORD@]HOST:PORT"},
		{"http://u:secret@", "proxy: not http://[USER:PASSWORD@]HOST:PORT"},
		{"", "proxy: not http://[USER:PASSWORD@]HOST:PORT"},
		{"http://u:secret%zz@proxy:1",
		 "proxy: its user or password has a % that no two digits follow"},
		{"http://u:secret%4@proxy:1",
		 "proxy: its user or password has a % that no two digits follow"},
	};
	static char huge[LIMIT_PROXY_TEXT + 2];
	struct proxy *proxy;
	struct err err;

	TEST("what is no such URL is refused in words that hold no password");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(proxy_new(bad[i].url, NULL, &proxy, &err) < 0 && err.code == ERR_INVALID);
		CHECK_STR(err.msg, bad[i].text);
	}
	memset(huge, 'a', sizeof(huge) - 1);
	CHECK(proxy_new(huge, NULL, &proxy, &err) < 0 && err.code == ERR_LIMIT);
	CHECK(proxy_new("http://proxy:1", huge, &proxy, &err) < 0 && err.code == ERR_LIMIT);
}

static void test_no_proxy(void)
{
	static const struct {
		const char *exceptions, *host;
		uint16_t port;
		bool gets;
	} cases[] = {
		{"", "example.com", 443, true},
		{"*", "example.com", 443, false},
		{"a.test,*", "192.0.2.1", 443, false},
		{"example.com", "example.com", 443, false},
		{"Example.COM.", "example.com", 443, false},
		{"example.com", "www.example.com", 443, false},
		{".example.com", "www.example.com", 443, false},
		{".example.com", "example.com", 443, false},
		{"example.com", "notexample.com", 443, true},
		{"example.com", "example.com.evil.test", 443, true},
		{"www.example.com", "example.com", 443, true},
		{"a.test, example.com b.test", "example.com", 443, false},
		{"example.com:443", "example.com", 443, false},
		{"example.com:443", "example.com", 80, true},
		{"*:8080", "example.com", 8080, false},
		{"*:8080", "example.com", 80, true},
		{"192.0.2.1", "192.0.2.1", 80, false},
		{"192.0.2.1:80", "192.0.2.1", 80, false},
		{"192.0.2.1:80", "192.0.2.1", 443, true},
		{"192.0.2.1", "192.0.2.10", 80, true},
		{"192.0.2.0/24", "192.0.2.10", 80, false},
		{"10.0.0.0/8", "192.0.2.10", 80, true},
		{"2.1", "192.0.2.1", 80, true},
		{"2001:db8::/32", "2001:db8::5", 80, false},
		{"[2001:db8::5]", "2001:db8::5", 80, false},
		{"[2001:db8::5]:80", "2001:db8::5", 80, false},
		{"[2001:db8::5]:80", "2001:db8::5", 443, true},
		{"192.0.2.0/99,,:,[,],., .. ,:5,[]:5,[]", "192.0.2.1", 5, true},
		{"192.0.2.0/99,,:,[,],., .. ,:5,[]:5,[]", "example.com", 5, true},
	};

	TEST("NO_PROXY: names and below, addresses, ranges, ports, everything");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct proxy *proxy = NULL;
		struct err err;
		bool gets;

		CHECK(proxy_new("http://proxy:1", cases[i].exceptions, &proxy, &err) == 0);
		gets = proxy_gets(proxy, cases[i].host, cases[i].port);
		if (gets != cases[i].gets)
			printf("# '%s' and %s\n", cases[i].exceptions, cases[i].host);
		CHECK(gets == cases[i].gets);
		proxy_free(proxy);
	}
}

static void test_ask(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct proxy *proxy;
	struct err err;

	TEST("CONNECT names host and port, and the credentials");
	CHECK(proxy_new("http://a:b@proxy:1", NULL, &proxy, &err) == 0);
	proxy_ask(proxy, "example.com", 443, &out);
	CHECK_STR(out.ptr, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
			   "Proxy-Authorization: Basic YTpi\r\n\r\n");
	buf_clear(&out);
	proxy_ask(proxy, "2001:db8::1", 22, &out);
	CHECK(strncmp(out.ptr, "CONNECT [2001:db8::1]:22 HTTP/1.1\r\n", 35) == 0);

	TEST("a refusal reads as what to do, without the password");
	proxy_refusal(proxy, 407, &err);
	CHECK_STR(err.msg, "does not accept its user and password (407)");
	CHECK(err.code == ERR_DENIED);
	proxy_free(proxy);
	CHECK(proxy_new("http://proxy:1", NULL, &proxy, &err) == 0);
	proxy_refusal(proxy, 407, &err);
	CHECK_STR(err.msg, "wants a user and a password (407): http://USER:PASSWORD@proxy:1");
	proxy_refusal(proxy, 403, &err);
	CHECK_STR(err.msg, "does not allow it (403)");
	proxy_refusal(proxy, 502, &err);
	CHECK_STR(err.msg, "cannot reach it (502)");
	proxy_refusal(proxy, 302, &err);
	CHECK_STR(err.msg, "answers a CONNECT with status 302");
	proxy_free(proxy);
}

int main(void)
{
	test_url();
	test_bad_url();
	test_no_proxy();
	test_ask();
	return tap_done();
}
