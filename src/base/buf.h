// SPDX-License-Identifier: MIT
/*
 * Bytes: `struct view` borrows them, `struct buf` owns them up to a hard maximum.
 *
 * A buf is always NUL-ended and `ptr` is never NULL.  A put that would exceed `max` adds nothing
 * and sets `failed`, which sticks: fill first, then ask once with buf_check().
 */
#pragma once

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
	const char *ptr; /* borrowed, not NUL-ended */
	size_t len;
};

struct buf {
	char *ptr;
	size_t len, cap, max;
	bool failed;
};

extern char buf_empty_[1];
#define BUF_INIT(limit)                           \
	{                                         \
		.ptr = buf_empty_, .max = (limit) \
	}

#define VIEW_LIT(text) ((struct view){(text), sizeof(text) - 1})

static inline struct view view_of(const char *text)
{
	return (struct view){text, strlen(text)};
}

static inline bool view_equals(struct view v, const char *text)
{
	return strlen(text) == v.len && memcmp(v.ptr, text, v.len) == 0;
}

void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) ML_PRINTF(2, 3);

/* Room for `len` more bytes, to be filled at ptr + len and then counted with buf_added().  NULL
 * (and `failed`) when that is over the maximum. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_added(struct buf *buf, size_t len);

/* Drops the first `len` bytes. */
void buf_consume(struct buf *buf, size_t len);

/* ERR_LIMIT "WHAT is larger than N bytes" once a put has failed. */
int buf_check(const struct buf *buf, const char *what, struct err *err);

/* Hands the bytes (malloc'ed, NUL-ended) to the caller and leaves the buf empty. */
char *buf_steal(struct buf *buf, size_t *ret_len);
void buf_clear(struct buf *buf); /* empty, memory kept */
void buf_done(struct buf *buf);	 /* memory freed; usable again */

#define AUTO_BUF __attribute__((cleanup(buf_done)))
