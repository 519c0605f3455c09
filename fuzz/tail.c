// SPDX-License-Identifier: MIT
/*
 * base/tail.c: the input is what a guest prints on its console, in pieces.  Besides not
 * crashing: the reason that is made of it is one line of printable bytes.
 */
#include "base/tail.h"

#include "fuzz/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tail tail = {0};
	struct buf lines = BUF_INIT(4 * LIMIT_STDERR_TAIL);
	size_t piece = size > 0 ? (size_t)data[0] * 40 + 1 : 1;

	for (size_t at = 0; at < size; at += piece)
		tail_put(&tail, (struct view){(const char *)data + at, MIN(piece, size - at)});
	tail_lines(&tail, size > 1 ? data[1] % 5 + 1u : 1, &lines);
	assert(!lines.failed && tail.len <= LIMIT_STDERR_TAIL);
	for (size_t i = 0; i < lines.len; i++)
		assert((unsigned char)lines.ptr[i] >= 0x20 && lines.ptr[i] != 0x7f);
	buf_done(&lines);
	return 0;
}
