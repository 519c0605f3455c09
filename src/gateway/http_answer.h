// SPDX-License-Identifier: MIT
/*
 * Responses of our own to a guest's HTTP request, after which the connection ends: why it goes
 * nowhere, and what would allow it, in plain text for people and for programs.
 */
#pragma once

#include "base/buf.h"
#include "policy/policy.h"

#include <stdbool.h>

enum {
	HTTP_ANSWER_BAD_REQUEST = 400,
	HTTP_ANSWER_DENIED = 403,
	HTTP_ANSWER_BAD_GATEWAY = 502,
	HTTP_ANSWER_TIMEOUT = 504,
};

/* Each appends a whole response; to HEAD (`no_body`) without its body. */

/* 403. */
void http_answer_denied(struct buf *out, const struct policy_verdict *verdict, bool no_body);
/* 400, 502 or 504.  `why`: one line; what is no printable ASCII in it is shown as `?`. */
void http_answer_failed(struct buf *out, unsigned status, const char *why, bool no_body);
