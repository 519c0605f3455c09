// SPDX-License-Identifier: MIT
/*
 * SHA-256 by OpenSSL's EVP, which picks the processor's SHA instructions where there are any.
 *
 * The caller feeds pieces of any size (large ones are quickest) and takes the text at the end.
 * Nothing here fails on any input; OpenSSL without SHA-256 or without memory aborts, as the other
 * allocations of small sizes do.
 */
#include "crypto/digest.h"

#include "base/alloc.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "sha256:"

enum { HASH_SIZE = 32 };

struct digest {
	EVP_MD_CTX *context;
};

/* An `assert` would keep no text of what happened. */
static void must(bool ok)
{
	if (ok)
		return;
	fputs("matchlock: OpenSSL has no SHA-256 or no memory\n", stderr);
	abort();
}

static void hash_text(const unsigned char hash[HASH_SIZE], char ret_text[DIGEST_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *at = stpcpy(ret_text, PREFIX);

	for (size_t i = 0; i < HASH_SIZE; i++) {
		*at++ = digits[hash[i] >> 4];
		*at++ = digits[hash[i] & 15];
	}
	*at = '\0';
}

void digest_alone(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

struct digest *digest_new(void)
{
	struct digest *digest = xcalloc(1, sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	must(digest->context && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1);
	return digest;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

void digest_update(struct digest *digest, const void *bytes, size_t len)
{
	must(EVP_DigestUpdate(digest->context, bytes, len) == 1);
}

void digest_final(struct digest *digest, char ret_text[DIGEST_TEXT_SIZE])
{
	unsigned char hash[HASH_SIZE];

	must(EVP_DigestFinal_ex(digest->context, hash, NULL) == 1);
	hash_text(hash, ret_text);
}

void digest_of(const void *bytes, size_t len, char ret_text[DIGEST_TEXT_SIZE])
{
	unsigned char hash[HASH_SIZE];

	must(EVP_Digest(bytes, len, hash, NULL, EVP_sha256(), NULL) == 1);
	hash_text(hash, ret_text);
}

bool digest_is_valid(const char *text)
{
	size_t prefix = strlen(PREFIX);

	return strncmp(text, PREFIX, prefix) == 0 && strlen(text) == DIGEST_TEXT_SIZE - 1 &&
	       strspn(text + prefix, "0123456789abcdef") == 2 * HASH_SIZE;
}
