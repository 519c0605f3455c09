// SPDX-License-Identifier: MIT
/* Bounded byte buffer: see buf.h for its invariants.  Grows by doubling. */
#include "base/buf.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

char buf_empty_[1];

char *buf_reserve(struct buf *buf, size_t len)
{
	size_t need;

	if (buf->failed || __builtin_add_overflow(buf->len, len, &need) || need > buf->max) {
		buf->failed = true;
		return NULL;
	}
	if (need + 1 > buf->cap) {
		size_t cap = MAX(buf->cap * 2, (size_t)64);

		cap = MIN(MAX(cap, need + 1), buf->max + 1);
		buf->ptr = xreallocarray(buf->ptr == buf_empty_ ? NULL : buf->ptr, cap, 1);
		buf->cap = cap;
		buf->ptr[buf->len] = '\0';
	}
	return buf->ptr + buf->len;
}

void buf_added(struct buf *buf, size_t len)
{
	assert(buf->len + len < buf->cap || len == 0);
	buf->len += len;
	if (buf->cap)
		buf->ptr[buf->len] = '\0';
}

void buf_put(struct buf *buf, const void *bytes, size_t len)
{
	char *room = buf_reserve(buf, len);

	if (!room || len == 0)
		return;
	memcpy(room, bytes, len);
	buf_added(buf, len);
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	buf_put(buf, text, (size_t)len);
	free(text);
}

void buf_consume(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	if (len == 0)
		return;
	memmove(buf->ptr, buf->ptr + len, buf->len - len);
	buf->len -= len;
	buf->ptr[buf->len] = '\0';
}

int buf_check(const struct buf *buf, const char *what, struct err *err)
{
	if (buf->failed)
		return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, buf->max);
	return 0;
}

char *buf_steal(struct buf *buf, size_t *ret_len)
{
	char *ptr = buf->ptr == buf_empty_ ? xcalloc(1, 1) : buf->ptr;

	if (ret_len)
		*ret_len = buf->len;
	buf->ptr = buf_empty_;
	buf->len = buf->cap = 0;
	return ptr;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->cap)
		buf->ptr[0] = '\0';
}

void buf_done(struct buf *buf)
{
	if (buf->ptr != buf_empty_)
		free(buf->ptr);
	buf->ptr = buf_empty_;
	buf->len = buf->cap = 0;
	buf->failed = false;
}
