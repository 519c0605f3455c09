// SPDX-License-Identifier: MIT
#include "crypto/checksum.h"

#include "base/tap.h"

#include <string.h>

/* Test case 1 of "The Galois/Counter Mode of Operation" (McGrew, Viega): nothing, keys of zeros. */
#define EMPTY "gmac:58e2fccefa7e3061367f1d57a4e7455a"

static void sum(const char *bytes, size_t len, size_t piece, char ret_text[CHECKSUM_TEXT_SIZE])
{
	AUTO(auto_checksum) struct checksum *checksum = checksum_new();

	for (size_t at = 0; at < len; at += piece)
		checksum_update(checksum, bytes + at, len - at < piece ? len - at : piece);
	checksum_final(checksum, ret_text);
}

int main(void)
{
	static char bytes[100000];
	char whole[CHECKSUM_TEXT_SIZE], other[CHECKSUM_TEXT_SIZE];

	TEST("nothing gives the known value");
	sum("", 0, 1, whole);
	CHECK_STR(whole, EMPTY);

	TEST("pieces of any size give the same");
	memset(bytes, 'a', sizeof(bytes));
	sum(bytes, sizeof(bytes), sizeof(bytes), whole);
	for (size_t piece = 1; piece < sizeof(bytes); piece = piece * 3 + 1) {
		sum(bytes, sizeof(bytes), piece, other);
		CHECK_STR(other, whole);
	}

	TEST("one bit or one byte more gives another");
	sum(bytes, sizeof(bytes) - 1, sizeof(bytes), other);
	CHECK(strcmp(whole, other) != 0);
	for (size_t at = 0; at < sizeof(bytes); at += 7777) {
		bytes[at] ^= 16;
		sum(bytes, sizeof(bytes), sizeof(bytes), other);
		bytes[at] ^= 16;
		CHECK(strcmp(whole, other) != 0);
	}
	return tap_done();
}
