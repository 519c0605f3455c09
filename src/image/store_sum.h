// SPDX-License-Identifier: MIT
/* What the blobs were when they were saved, so that damage is seen later. */
#pragma once

#include "base/err.h"
#include "crypto/checksum.h"

#include <stddef.h>
#include <stdint.h>

struct store;

/* The sum of a file's bytes: the checksum of the checksums, as texts, of its pieces of 8 MiB, which
 * several CPUs take at once. */
int blob_sum(int fd, uint64_t size, char ret_text[CHECKSUM_TEXT_SIZE], struct err *err);

/* Records size and sum of the blobs that have none yet, or are no longer the same file. */
int store_note_sums(struct store *store, const char *const *digests, size_t count, struct err *err);
