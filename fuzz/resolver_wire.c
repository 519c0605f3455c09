// SPDX-License-Identifier: MIT
/*
 * gateway/resolver_wire.c: the input is a packet of a gateway, and one of its resolver.  Besides
 * not crashing: what is taken is packed as the very bytes that came.
 */
#include "gateway/resolver_wire.h"

#include "fuzz/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view packet = {(const char *)data, size};
	AUTO_BUF struct buf again = BUF_INIT(LIMIT_RESOLVER_PACKET);
	static struct resolver_answer answer;
	struct resolver_question question;
	struct err err;

	if (resolver_question_unpack(packet, &question, &err) == 0) {
		resolver_question_pack(&again, &question);
		assert(again.len <= RESOLVER_QUESTION_MAX && again.len == size &&
		       memcmp(again.ptr, data, size) == 0);
		buf_clear(&again);
	}
	if (size <= LIMIT_RESOLVER_PACKET && resolver_answer_unpack(packet, &answer, &err) == 0) {
		resolver_answer_pack(&again, &answer);
		assert(again.len == size && memcmp(again.ptr, data, size) == 0);
	}
	return 0;
}
