// SPDX-License-Identifier: MIT
/*
 * What a TLS client says first (RFC 8446, 6066, 7301, 9849): the name it wants, the protocols it
 * offers.  Fed with the bytes of the connection as they come, however they are cut; who feeds keeps
 * them, to pass them on.
 *
 * Strict, because the server that reads the same bytes decides by them: whatever two readers could
 * understand in two ways is TLS_HELLO_BAD.
 */
#pragma once

#include "api/host_name.h"
#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_hello_verdict {
	TLS_HELLO_MORE,	   /* bytes are needed */
	TLS_HELLO_NOT_TLS, /* something else is spoken here */
	TLS_HELLO_NO_SNI,  /* a ClientHello without a name */
	TLS_HELLO_NAMED,   /* `name` is there */
	TLS_HELLO_BAD,	   /* TLS, but malformed or over a limit: `reason` says why */
};

/* RFC 9849.  OUTER is also what browsers send without a key, so that it means nothing; INNER has no
 * business on a network. */
enum tls_hello_ech { TLS_HELLO_ECH_NONE, TLS_HELLO_ECH_OUTER, TLS_HELLO_ECH_INNER };

struct tls_hello {
	enum tls_hello_verdict verdict;
	char name[HOST_NAME_SIZE]; /* in the form of api/host_name.h */
	struct view alpn;	   /* inside this struct: each protocol behind its length */
	enum tls_hello_ech ech;
	const char *reason; /* of BAD */

	/* The reader's own. */
	struct buf message; /* the handshake message so far */
	uint8_t record[5];  /* the header of the current record */
	size_t record_len;  /* bytes of it */
	size_t left;	    /* bytes of its content to come */
	size_t total;	    /* of the connection */
};

void tls_hello_init(struct tls_hello *hello);
void tls_hello_done(struct tls_hello *hello);

/* Takes the next bytes.  After any verdict but MORE it takes no more and says the same again. */
enum tls_hello_verdict tls_hello_feed(struct tls_hello *hello, struct view bytes);

/* Is this protocol ("h2") among those offered? */
bool tls_hello_offers(const struct tls_hello *hello, const char *protocol);
