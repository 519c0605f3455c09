// SPDX-License-Identifier: MIT
/*
 * The first bytes of a connection: see first_bytes.h.  TLS is recognised by its first byte; what is
 * not TLS may be HTTP, which shows in its first line.
 */
#include "gateway/first_bytes.h"

#include "gateway/http1.h"

void first_bytes_init(struct first_bytes *first)
{
	*first = (struct first_bytes){0};
	tls_hello_init(&first->hello);
}

void first_bytes_done(struct first_bytes *first)
{
	tls_hello_done(&first->hello);
}

static enum first_kind read_plain(struct view bytes)
{
	switch (http1_guess(bytes)) {
	case HTTP1_YES:
		return FIRST_HTTP;
	case HTTP1_NO:
		return FIRST_OTHER;
	default:
		return FIRST_MORE;
	}
}

/* An inner hello is only ever sent encrypted, inside an outer one. */
static enum first_kind read_name(struct first_bytes *first)
{
	if (first->hello.ech != TLS_HELLO_ECH_INNER)
		return FIRST_TLS;
	first->reason = "TLS: the inner part of an encrypted ClientHello";
	return FIRST_BAD;
}

enum first_kind first_bytes_read(struct first_bytes *first, struct view bytes)
{
	struct view next = {bytes.ptr + first->seen, bytes.len - first->seen};

	first->seen = bytes.len;
	switch (tls_hello_feed(&first->hello, next)) {
	case TLS_HELLO_NOT_TLS:
		return read_plain(bytes);
	case TLS_HELLO_NO_SNI:
	case TLS_HELLO_NAMED:
		return read_name(first);
	case TLS_HELLO_BAD:
		first->reason = first->hello.reason;
		return FIRST_BAD;
	default:
		return FIRST_MORE;
	}
}
