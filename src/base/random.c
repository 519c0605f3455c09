// SPDX-License-Identifier: MIT
/* getrandom(2): see random.h. */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t len)
{
	unsigned char *at = bytes;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		len -= (size_t)got;
	}
}

void random_hex(char *ret_text, size_t digits)
{
	for (size_t i = 0; i < digits; i++) {
		unsigned char byte;

		random_bytes(&byte, 1);
		ret_text[i] = "0123456789abcdef"[byte & 15];
	}
	ret_text[digits] = '\0';
}
