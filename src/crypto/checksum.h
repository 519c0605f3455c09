// SPDX-License-Identifier: MIT
/*
 * Checksums that find damage: several times as quick as a digest, and as good against what disks
 * and crashes do, but no proof against whoever makes files on purpose.  "gmac:" and 32 hex digits.
 */
#pragma once

#include "base/auto.h"

#include <stddef.h>

enum { CHECKSUM_TEXT_SIZE = 5 + 32 + 1 };

struct checksum;

struct checksum *checksum_new(void);
void checksum_free(struct checksum *checksum);
DEFINE_AUTO(checksum)

void checksum_update(struct checksum *checksum, const void *bytes, size_t len);
/* Ends it; only checksum_free() may follow. */
void checksum_final(struct checksum *checksum, char ret_text[CHECKSUM_TEXT_SIZE]);
