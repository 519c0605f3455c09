// SPDX-License-Identifier: MIT
/*
 * Reads big-endian fields, as DNS and TLS have them.  Every length is checked; once a read fails
 * it stays failed and gives zeros, so a decoder reads all fields and asks once.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct be_reader {
	const char *ptr;
	size_t len;
	bool failed;
};

static inline struct be_reader be_reader_of(struct view bytes)
{
	return (struct be_reader){bytes.ptr, bytes.len, false};
}

/* An unsigned integer of `size` bytes, 1 to 4. */
uint32_t be_read(struct be_reader *in, size_t size);

struct view be_read_bytes(struct be_reader *in, size_t len);
/* Bytes behind their own length, which takes `size` bytes. */
struct view be_read_run(struct be_reader *in, size_t size);

/* All was read, and nothing is left. */
bool be_read_all(const struct be_reader *in);
