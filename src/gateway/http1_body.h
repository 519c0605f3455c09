// SPDX-License-Identifier: MIT
/*
 * What follows an HTTP/1 head (RFC 9112, 6 and 7): told apart from the bytes of the next message,
 * as it comes, without holding any of it but a trailer.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/http1.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http1_body {
	bool done;	    /* all of it was there */
	struct buf trailer; /* of a chunked body, when done: its fields, http1_fields_read() */

	/* The reader's own. */
	enum http1_content content;
	uint64_t left; /* bytes of content until the next step */
	int step;
	size_t line; /* bytes of the chunk's first line so far */
	struct http1_scan scan;
};

void http1_body_init(struct http1_body *body, const struct http1_head *head);
void http1_body_done(struct http1_body *body);

/* Takes from the front of `bytes` and returns how many; *ret_content is the content among them, in
 * one piece, often empty.  Call again with the rest until `done` or nothing is left: no call with
 * bytes takes none before `done`.  What was taken can be passed on as it is.  -1: ERR_PROTOCOL or
 * ERR_LIMIT. */
ssize_t http1_body_read(struct http1_body *body, struct view bytes, struct view *ret_content,
			struct err *err);

/* The connection ended: ERR_PROTOCOL unless the body may end there. */
int http1_body_end(const struct http1_body *body, struct err *err);
