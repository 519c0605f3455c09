// SPDX-License-Identifier: MIT
/*
 * The decoder of wire/control.c.  What is accepted is encoded again to the very same bytes, but for
 * control characters in a text that is for a terminal.
 */
#include "wire/control.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf again = BUF_INIT(size + 1);
	struct control_packet packet;
	struct err err = {0};
	bool same;

	if (control_unpack((struct view){(const char *)data, size}, &packet, &err) < 0) {
		assert(err.code == ERR_PROTOCOL && err.msg[0]);
		return 0;
	}
	control_pack(&again, &packet);
	same = memcmp(again.ptr, data, size) == 0;
	assert(again.len == size &&
	       (same || packet.type == CONTROL_FAILED || packet.type == CONTROL_NOTE));
	control_packet_done(&packet);
	return 0;
}
