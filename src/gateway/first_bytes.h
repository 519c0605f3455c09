// SPDX-License-Identifier: MIT
/*
 * What a guest says first on a connection: TLS, HTTP/1 or something else, and the name in TLS.
 * Pure; nobody else has seen the bytes yet.
 */
#pragma once

#include "base/buf.h"
#include "gateway/tls_hello.h"

#include <stddef.h>

enum first_kind {
	FIRST_MORE, /* bytes are needed */
	FIRST_TLS,  /* hello.name is the server's, "" if none was given */
	FIRST_HTTP, /* as any server would see it */
	FIRST_OTHER,
	FIRST_BAD, /* TLS that nobody may be sent: `reason` */
};

struct first_bytes {
	struct tls_hello hello;
	const char *reason;
	size_t seen; /* the reader's own: bytes that `hello` has */
};

void first_bytes_init(struct first_bytes *first);
void first_bytes_done(struct first_bytes *first);

/* `bytes` are all so far.  The last call is the first that does not say FIRST_MORE. */
enum first_kind first_bytes_read(struct first_bytes *first, struct view bytes);
