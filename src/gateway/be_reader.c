// SPDX-License-Identifier: MIT
/*
 * Big-endian fields: see be_reader.h.  A failed reader is emptied, so that no later read succeeds.
 */
#include "gateway/be_reader.h"

#include <assert.h>

struct view be_read_bytes(struct be_reader *in, size_t len)
{
	struct view bytes = {in->ptr, len};

	if (in->failed || len > in->len) {
		in->failed = true;
		in->len = 0;
		return VIEW_LIT("");
	}
	in->ptr += len;
	in->len -= len;
	return bytes;
}

uint32_t be_read(struct be_reader *in, size_t size)
{
	struct view bytes = be_read_bytes(in, size);
	uint32_t value = 0;

	assert(size >= 1 && size <= 4);
	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | (uint8_t)bytes.ptr[i];
	return value;
}

struct view be_read_run(struct be_reader *in, size_t size)
{
	return be_read_bytes(in, be_read(in, size));
}

bool be_read_all(const struct be_reader *in)
{
	return !in->failed && in->len == 0;
}
