// SPDX-License-Identifier: MIT
/*
 * gateway/tls_hello.c: the input is what a client sends.  Besides not crashing: however the bytes
 * are cut, the verdict and the name are the same, a name is a host's, and no more is held than the
 * limit.
 */
#include "gateway/tls_hello.h"

#include "base/auto.h"
#include "fuzz/fuzz.h"

#include <assert.h>

static void feed(struct tls_hello *hello, const uint8_t *data, size_t size, size_t step)
{
	tls_hello_init(hello);
	for (size_t at = 0; at < size; at += step)
		tls_hello_feed(hello, (struct view){(const char *)data + at, MIN(step, size - at)});
	assert(hello->message.len <= LIMIT_TLS_HELLO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(tls_hello_done) struct tls_hello whole, cut;
	char name[HOST_NAME_SIZE];

	feed(&whole, data, size, size ? size : 1);
	feed(&cut, data, size, 1 + (size ? data[size - 1] % 16 : 0));
	assert(whole.verdict == cut.verdict && whole.ech == cut.ech);
	assert((whole.verdict == TLS_HELLO_BAD) == (whole.reason != NULL));
	if (whole.verdict != TLS_HELLO_NAMED)
		return 0;
	assert(strcmp(whole.name, cut.name) == 0 && whole.alpn.len == cut.alpn.len);
	assert(host_name_read(whole.name, name) && strcmp(whole.name, name) == 0);
	tls_hello_offers(&whole, "h2");
	return 0;
}
