// SPDX-License-Identifier: MIT
/* SHA-256 digests in the form of OCI: "sha256:" and 64 hex digits.  The only user of OpenSSL. */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_TEXT_SIZE = 7 + 64 + 1 };

/* For a program that uses digests and no more of OpenSSL: its configuration file, which takes a
 * millisecond to read and to apply, is left alone.  Before anything else. */
void digest_alone(void);

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *digest);
DEFINE_AUTO(digest)

void digest_update(struct digest *digest, const void *bytes, size_t len);
/* Ends it; only digest_free() may follow. */
void digest_final(struct digest *digest, char ret_text[DIGEST_TEXT_SIZE]);

void digest_of(const void *bytes, size_t len, char ret_text[DIGEST_TEXT_SIZE]);

/* True for "sha256:" and 64 lowercase hex digits; other algorithms are not supported. */
bool digest_is_valid(const char *text);
