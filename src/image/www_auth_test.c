// SPDX-License-Identifier: MIT
#include "image/www_auth.h"

#include "base/auto.h"
#include "base/tap.h"

/* "SCHEME REALM|SERVICE|SCOPE" or the error's text. */
static void check(const char *value, const char *want)
{
	AUTO(www_auth_done) struct www_auth auth = {0};
	struct err err = {0};
	char got[600];

	if (www_auth_parse(value, &auth, &err) < 0) {
		CHECK_STR(err.msg, want);
		return;
	}
	snprintf(got, sizeof(got), "%d %s|%s|%s", (int)auth.scheme, auth.realm ? auth.realm : "",
		 auth.service ? auth.service : "", auth.scope ? auth.scope : "");
	CHECK_STR(got, want);
}

int main(void)
{
	TEST("what registries send");
	check("Bearer realm=\"https://auth.example/token\",service=\"registry.example\","
	      "scope=\"repository:library/a:pull,push\"",
	      "2 https://auth.example/token|registry.example|repository:library/a:pull,push");
	check("Basic realm=\"Registry Realm\"", "1 Registry Realm||");
	check("basic realm=x", "1 x||");
	check("BEARER Realm = \"a\\\"b\" , SERVICE=s", "2 a\"b|s|");

	TEST("the best of several challenges");
	check("Basic realm=\"a\", Bearer realm=\"b\",service=c", "2 b|c|");
	check("Bearer realm=\"b\", Basic realm=\"a\"", "2 b||");
	check("Negotiate, Basic realm=a", "1 a||");
	check("Digest realm=a, nonce=b", "0 ||");
	check("", "0 ||");

	TEST("what breaks the grammar is refused");
	check("Bearer realm=\"a", "malformed WWW-Authenticate");
	check("Bearer realm=\"a\\", "malformed WWW-Authenticate");
	check("Bearer realm=", "malformed WWW-Authenticate");
	check("Bearer realm=\"a\" service=b", "malformed WWW-Authenticate");
	check("Bearer realm=\"a\001b\"", "malformed WWW-Authenticate");
	check("Bearer (x)", "malformed WWW-Authenticate");
	check("Bearer service=x", "WWW-Authenticate: Bearer without a realm");
	return tap_done();
}
