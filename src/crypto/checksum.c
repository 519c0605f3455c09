// SPDX-License-Identifier: MIT
/*
 * GMAC of AES-128 with a key and an initial value of zeros: the quickest sum of 128 bits that
 * OpenSSL has, since processors multiply without carry for TLS.  The key being known, it is an
 * error check only.
 *
 * Nothing here fails on any input; OpenSSL without GMAC or without memory aborts, as in digest.c.
 */
#include "crypto/checksum.h"

#include "base/alloc.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUM_SIZE = 16, KEY_SIZE = 16, IV_SIZE = 12 };

struct checksum {
	EVP_MAC_CTX *context;
};

static void must(bool ok)
{
	if (ok)
		return;
	fputs("matchlock: OpenSSL has no GMAC or no memory\n", stderr);
	abort();
}

struct checksum *checksum_new(void)
{
	static const unsigned char zeros[KEY_SIZE];
	struct checksum *checksum = xcalloc(1, sizeof(*checksum));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_GMAC, NULL);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char[]){"AES-128-GCM"}, 0),
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, (void *)zeros, IV_SIZE),
		OSSL_PARAM_construct_end(),
	};

	checksum->context = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context has its own reference */
	must(checksum->context && EVP_MAC_init(checksum->context, zeros, KEY_SIZE, params) == 1);
	return checksum;
}

void checksum_free(struct checksum *checksum)
{
	if (!checksum)
		return;
	EVP_MAC_CTX_free(checksum->context);
	free(checksum);
}

void checksum_update(struct checksum *checksum, const void *bytes, size_t len)
{
	must(EVP_MAC_update(checksum->context, bytes, len) == 1);
}

void checksum_final(struct checksum *checksum, char ret_text[CHECKSUM_TEXT_SIZE])
{
	unsigned char sum[SUM_SIZE];
	char *at = stpcpy(ret_text, "gmac:");
	size_t len;

	must(EVP_MAC_final(checksum->context, sum, &len, sizeof(sum)) == 1 && len == SUM_SIZE);
	for (size_t i = 0; i < SUM_SIZE; i++, at += 2)
		snprintf(at, 3, "%02x", sum[i]);
}
