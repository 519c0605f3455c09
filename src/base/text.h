// SPDX-License-Identifier: MIT
/*
 * Numbers, booleans and durations as users type them: the rules of Go's strconv and
 * time.ParseDuration, which the command line promises (`0x10`, `1_000`, `1e3`, `1m30s`).
 * Each fails with ERR_INVALID and the reason alone; the caller says which flag it was.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Base-prefixed (0x, 0b, 0o, 0) with `_` between digits; negative allowed. */
int text_to_int(const char *text, int64_t *ret_value, struct err *err);
/* Decimal or hexadecimal (0x1p-2), with `_` between digits; NaN and Inf too. */
int text_to_float(const char *text, double *ret_value, struct err *err);
/* 1 t T true TRUE True 0 f F false FALSE False */
int text_to_bool(const char *text, bool *ret_value, struct err *err);
/* "300ms", "1m30s", "0": nanoseconds. */
int text_to_duration(const char *text, int64_t *ret_ns, struct err *err);

/* True if `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool text_is_utf8(const char *text);

/* `text` in double quotes for a message, malloc'ed: quotes, backslashes, control characters and
 * bytes that are not UTF-8 are escaped; what is longer than 120 bytes is cut with "...", so that
 * the message around it survives. */
char *text_quoted(const char *text);
