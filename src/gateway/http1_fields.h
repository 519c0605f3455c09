// SPDX-License-Identifier: MIT
/*
 * The lines of an HTTP/1 head or trailer (RFC 9112, 2.2 and 5): where they end, and their fields.
 * Views point into the bytes that were given.
 *
 * Refused, because two readers may understand it in two ways: CR or LF alone, other control
 * characters, blanks before a colon, lines that go on in the next one (obs-fold).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How far bytes that come in pieces were looked at; begins as {0}. */
struct http1_scan {
	size_t at, line; /* the next byte; where its line begins */
};

/* Looks for the empty line; `bytes` begins each time with the same bytes.  Returns how many there
 * are up to its end, 0 when more are needed, -1: ERR_PROTOCOL, or ERR_LIMIT beyond `max` bytes or
 * LIMIT_HTTP_LINE in a line. */
ssize_t http1_scan(struct http1_scan *scan, struct view bytes, size_t max, struct err *err);

struct http1_field {
	struct view name, value; /* blanks around the value are cut off */
};

struct http1_fields {
	struct http1_field list[LIMIT_HTTP_FIELDS];
	size_t count;
};

/* Reads lines that http1_scan() has seen, with or without the empty one. */
int http1_fields_read(struct view lines, struct http1_fields *ret_fields, struct err *err);

/* The field of that name (case does not count) behind `after`, or the first (NULL).  NULL: none. */
const struct http1_field *http1_find(const struct http1_fields *fields, const char *name,
				     const struct http1_field *after);

/* Cuts the next element off a comma-separated list of a field's value; false at its end. */
bool http1_next_item(struct view *rest, struct view *ret_item);

/* A word of RFC 9110, 5.6.2. */
bool http1_is_token(struct view text);
/* Case does not count. */
bool http1_is_word(struct view text, const char *word);
