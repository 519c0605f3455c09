// SPDX-License-Identifier: MIT
#include "crypto/digest.h"

#include "base/auto.h"
#include "base/tap.h"

#include <stdlib.h>
#include <string.h>

/* The examples of FIPS 180-2, appendix B, and the empty message. */
#define EMPTY	  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC	  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void check_pieces(size_t piece)
{
	AUTO(auto_digest) struct digest *digest = digest_new();
	char text[DIGEST_TEXT_SIZE], bytes[4096];

	memset(bytes, 'a', sizeof(bytes));
	for (size_t left = 1000000; left > 0;) {
		size_t len = left < piece ? left : piece;

		digest_update(digest, bytes, len);
		left -= len;
	}
	digest_final(digest, text);
	CHECK_STR(text, MILLION_A);
}

int main(void)
{
	AUTO(auto_digest) struct digest *digest = digest_new();
	char text[DIGEST_TEXT_SIZE];

	TEST("one call gives the known values");
	digest_of("", 0, text);
	CHECK_STR(text, EMPTY);
	digest_of("abc", 3, text);
	CHECK_STR(text, ABC);

	TEST("pieces of any size give the same");
	check_pieces(1);
	check_pieces(63);
	check_pieces(4096);
	digest_final(digest, text);
	CHECK_STR(text, EMPTY);

	TEST("freeing nothing is allowed");
	digest_free(NULL);

	TEST("only sha256 with 64 lowercase digits is valid");
	CHECK(digest_is_valid(EMPTY));
	CHECK(!digest_is_valid(""));
	CHECK(!digest_is_valid("sha256:"));
	CHECK(!digest_is_valid(EMPTY "0"));
	CHECK(!digest_is_valid("sha512:" EMPTY));
	CHECK(!digest_is_valid(
		"sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	CHECK(!digest_is_valid(
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"));
	CHECK(!digest_is_valid(
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8/5"));
	return tap_done();
}
