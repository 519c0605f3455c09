// SPDX-License-Identifier: MIT
/*
 * Heads of HTTP/1.0 and 1.1 messages (RFC 9110, 9112), read strictly: what is accepted has one
 * meaning to every reader, so that nobody on the way takes a part of one message for another.
 * What is refused beyond that, and why, stands at each rule in the .c files.
 *
 *	size = http1_request_read(&scan, bytes, &request, &err);
 *	if (size > 0)
 *		http1_body_init(&body, &request.head); // gateway/http1_body.h
 *
 * Views point into the bytes that were given.  A head that was accepted can be passed on as it is.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/http1_fields.h"
#include "gateway/http1_target.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What follows the head. */
enum http1_content {
	HTTP1_NOTHING,
	HTTP1_LENGTH, /* `length` bytes, 0 too */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* only in a response */
	HTTP1_TUNNEL,	   /* bytes both ways that are no longer HTTP; only in a response */
};

struct http1_head {
	unsigned minor; /* HTTP/1.MINOR, 0 or 1 */
	struct http1_fields fields;
	enum http1_content content;
	uint64_t length;
	bool keep_alive; /* another message may follow */
};

struct http1_request {
	struct http1_head head;
	struct view method;
	bool is_head, is_connect; /* the method */
	bool upgrade; /* may be answered with 101; not asked of us for another HTTP or for TLS */
	struct http1_target target;
	/* From an absolute target or CONNECT's, else from Host; "" if there is none (HTTP/1.0). */
	struct http1_authority authority;
};

struct http1_response {
	struct http1_head head;
	unsigned status; /* below 200 and not 101: another response follows */
	struct view reason;
};

/* Each returns how many bytes the head has, 0 when more are needed, -1: ERR_PROTOCOL, or ERR_LIMIT
 * over a limit of base/limits.h.  `scan` begins as {0}. */
ssize_t http1_request_read(struct http1_scan *scan, struct view bytes,
			   struct http1_request *ret_request, struct err *err);
/* Of `request` only what is no view is looked at. */
ssize_t http1_response_read(struct http1_scan *scan, struct view bytes,
			    const struct http1_request *request,
			    struct http1_response *ret_response, struct err *err);

enum http1_guess { HTTP1_UNSURE, HTTP1_NO, HTTP1_YES };

/* Do a client's first bytes look like HTTP/1 to any server, a careless one included?  UNSURE until
 * its first line is there. */
enum http1_guess http1_guess(struct view bytes);
