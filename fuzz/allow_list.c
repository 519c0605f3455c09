// SPDX-License-Identifier: MIT
/* The decoders of wire/allow_list.c.  What is accepted is encoded again to the very same bytes, but
 * for a flag that need not be one. */
#include "wire/allow_list.h"

#include "fuzz/fuzz.h"

#include <assert.h>

static size_t request_again(struct view bytes, struct err *err)
{
	AUTO_BUF struct buf again = BUF_INIT(bytes.len + 1);
	struct allow_list_request request;

	if (allow_list_request_unpack(bytes, &request, err) < 0)
		return 0;
	allow_list_request_pack(&again, &request);
	allow_list_request_done(&request);
	assert(memcmp(again.ptr, bytes.ptr, again.len) == 0);
	return again.len;
}

static size_t answer_again(struct view bytes, struct err *err)
{
	AUTO_BUF struct buf again = BUF_INIT(bytes.len + 1);
	struct allow_list_answer answer;

	if (allow_list_answer_unpack(bytes, &answer, err) < 0)
		return 0;
	allow_list_answer_pack(&again, &answer);
	allow_list_answer_done(&answer);
	return again.len;
}

/* The first byte says which. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view bytes;
	struct err err = {0};
	size_t len;

	if (size == 0)
		return 0;
	bytes = (struct view){(const char *)data + 1, size - 1};
	len = data[0] ? answer_again(bytes, &err) : request_again(bytes, &err);
	assert(len == bytes.len || (len == 0 && err.code == ERR_PROTOCOL && err.msg[0]));
	return 0;
}
