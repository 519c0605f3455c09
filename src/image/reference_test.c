// SPDX-License-Identifier: MIT
#include "image/reference.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

#define HEX64  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX64

/* `want`: "registry repository tag digest". */
static void check(const char *text, const char *want)
{
	AUTO(reference_done) struct reference reference = {0};
	AUTO_FREE char *got = NULL;
	struct err err = {.msg = "nothing"};

	if (reference_parse(text, &reference, &err) < 0) {
		CHECK_STR(err.msg, want);
		return;
	}
	got = xasprintf("%s %s %s %s", reference.registry, reference.repository,
			reference.tag ? reference.tag : "-",
			reference.digest ? reference.digest : "-");
	CHECK_STR(got, want);
}

static void check_refused(const char *text, const char *want)
{
	AUTO(reference_done) struct reference reference = {0};
	AUTO_FREE char *full = xasprintf("parse image reference: %s", want);
	struct err err = {0};

	CHECK(reference_parse(text, &reference, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, full);
}

static char *repeat(const char *before, char c, size_t count)
{
	size_t len = strlen(before);
	char *text = xcalloc(len + count + 1, 1);

	memcpy(text, before, len);
	memset(text + len, c, count);
	return text;
}

static void test_lengths(void)
{
	AUTO_FREE char *full = repeat("example.com/", 'a', 255);
	AUTO_FREE char *longer = repeat("example.com/", 'a', 256);
	AUTO_FREE char *official = repeat("", 'a', 255 - 8);
	AUTO_FREE char *official_longer = repeat("", 'a', 255 - 7);
	AUTO_FREE char *tag = repeat("a:", 't', 128), *tag_longer = repeat("a:", 't', 129);
	AUTO_FREE char *host = repeat("", 'a', LIMIT_REGISTRY_NAME);
	AUTO_FREE char *host_longer = repeat("", 'a', LIMIT_REGISTRY_NAME + 1);
	struct reference reference;
	struct err err = {0};

	TEST("lengths end where Docker's do");
	CHECK(reference_parse(full, &reference, &err) == 0);
	reference_done(&reference);
	CHECK(reference_parse(longer, &reference, &err) < 0);
	CHECK(strstr(err.msg, "...\": repository name must not be more than 255 characters"));
	CHECK(reference_parse(official, &reference, &err) == 0);
	reference_done(&reference);
	CHECK(reference_parse(official_longer, &reference, &err) < 0);
	CHECK(reference_parse(tag, &reference, &err) == 0);
	reference_done(&reference);
	CHECK(reference_parse(tag_longer, &reference, &err) < 0);
	CHECK(reference_is_registry(host) && !reference_is_registry(host_longer));
}

static void test_names(void)
{
	TEST("names without a registry are Docker Hub's");
	check("alpine", "index.docker.io library/alpine latest -");
	check("alpine:3.20", "index.docker.io library/alpine 3.20 -");
	check("team/app", "index.docker.io team/app latest -");
	check("docker.io/alpine", "index.docker.io library/alpine latest -");
	check("index.docker.io/alpine:x", "index.docker.io library/alpine x -");
	check("docker.io/a/b/c", "index.docker.io a/b/c latest -");
	check("localhost", "index.docker.io library/localhost latest -");
	check("foo.com:5000", "index.docker.io library/foo.com 5000 -");

	TEST("a first component with a dot, a colon or an uppercase letter is a registry");
	check("ghcr.io/a/b", "ghcr.io a/b latest -");
	check("localhost/a", "localhost a latest -");
	check("localhost:5000/team/app@" DIGEST, "localhost:5000 team/app - " DIGEST);
	check("host:80/a:b@" DIGEST, "host:80 a b " DIGEST);
	check("Host/a", "Host a latest -");
	check("[::1]:5000/a:T_1.x-", "[::1]:5000 a T_1.x- -");
	check("[fe80::1]/a", "[fe80::1] a latest -");
	check("xn--n3h.com/myimage", "xn--n3h.com myimage latest -");

	TEST("words of a component are parted by . _ __ or any number of -");
	check("t/a.b_c__d---e", "index.docker.io t/a.b_c__d---e latest -");
	check("h.x/0/1--1", "h.x 0/1--1 latest -");
}

static void test_refused(void)
{
	TEST("what is wrong is named");
	check_refused("", "it is empty");
	check_refused(HEX64, "\"" HEX64 "\" is an image's id; name a repository");
	check_refused("UPPER", "\"UPPER\": repository name must be lowercase: \"UPPER\"");
	check_refused("a/B:t", "\"a/B:t\": repository name must be lowercase: \"a/B\"");
	check_refused("a..b", "\"a..b\": invalid repository name \"a..b\"");
	check_refused("a___b", "\"a___b\": invalid repository name \"a___b\"");
	check_refused("-a", "\"-a\": invalid repository name \"-a\"");
	check_refused("a-", "\"a-\": invalid repository name \"a-\"");
	check_refused("a//b", "\"a//b\": invalid repository name \"a//b\"");
	check_refused("a/", "\"a/\": invalid repository name \"a/\"");
	check_refused("/a", "\"/a\": invalid repository name \"/a\"");
	check_refused("a b", "\"a b\": invalid repository name \"a b\"");
	check_refused("a\nb", "\"a\\nb\": invalid repository name \"a\\nb\"");
	check_refused("https://a.b/c", "\"https://a.b/c\": invalid registry \"https:\"");
	check_refused("a.com/", "\"a.com/\": the repository's name is missing");
	check_refused("a:", "\"a:\": invalid tag \"\"");
	check_refused("a:-t", "\"a:-t\": invalid tag \"-t\"");
	check_refused("a:t:u", "\"a:t:u\": invalid tag \"t:u\"");
	check_refused("h:1/a:b/c", "\"h:1/a:b/c\": invalid tag \"b/c\"");
	check_refused("-h.x/a", "\"-h.x/a\": invalid registry \"-h.x\"");
	check_refused("h..x/a", "\"h..x/a\": invalid registry \"h..x\"");
	check_refused("h_x.y/a", "\"h_x.y/a\": invalid registry \"h_x.y\"");
	check_refused("h:/a", "\"h:/a\": invalid registry \"h:\"");
	check_refused("h:x/a", "\"h:x/a\": invalid registry \"h:x\"");
	check_refused("[::1/a", "\"[::1/a\": invalid registry \"[::1\"");
	check_refused("a@sha256:00",
		      "\"a@sha256:00\": invalid digest (sha256: and 64 lowercase hex "
		      "digits) \"sha256:00\"");
	check_refused("a@", "\"a@\": invalid digest (sha256: and 64 lowercase hex digits) \"\"");
	check_refused("a@md5:00", "\"a@md5:00\": only sha256 digests are supported, not "
				  "\"md5:00\"");
	check_refused("a@b@c", "\"a@b@c\": invalid digest (sha256: and 64 lowercase hex digits) "
			       "\"b@c\"");
}

static void check_loopback(const char *text, bool want)
{
	AUTO(reference_done) struct reference reference = {0};
	struct err err;

	CHECK(reference_parse(text, &reference, &err) == 0);
	if (reference_is_loopback(&reference) != want)
		CHECK_STR(text, want ? "loopback" : "elsewhere");
}

int main(void)
{
	static const char *const inside[] = {"localhost/a",   "localhost:5000/a",   "LOCALHOST:1/a",
					     "x.localhost/a", "127.0.0.1:5000/a",   "127.9.8.7/a",
					     "[::1]:5000/a",  "[0:0:0:0:0:0:0:1]/a"};
	static const char *const outside[] = {"a",
					      "localhost.x.org/a",
					      "127.0.0.1.x.org/a",
					      "128.0.0.1/a",
					      "10.0.0.1:5000/a",
					      "[::2]/a",
					      "xlocalhost.a/b",
					      "127.1/a"};

	test_names();
	test_lengths();
	test_refused();

	TEST("loopback registries are known by name and address");
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
		check_loopback(inside[i], true);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		check_loopback(outside[i], false);
	return tap_done();
}
