// SPDX-License-Identifier: MIT
/*
 * The encoding of messages between our processes: fields in a fixed order, integers little-endian,
 * strings and byte runs with a u32 length before them.  A `struct unpack` checks every length; once
 * a read fails it stays failed and gives zeros, so a decoder reads all fields and asks once.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

void pack_u8(struct buf *buf, uint8_t value);
void pack_u32(struct buf *buf, uint32_t value);
void pack_u64(struct buf *buf, uint64_t value);
void pack_bytes(struct buf *buf, struct view bytes);
void pack_str(struct buf *buf, const char *text); /* NULL is packed as "" */
/* A NULL-ended list; NULL is the empty list. */
void pack_strv(struct buf *buf, char *const *list);

struct unpack {
	const char *ptr;
	size_t len;
	bool failed;
};

static inline struct unpack unpack_of(struct view bytes)
{
	return (struct unpack){bytes.ptr, bytes.len, false};
}

uint8_t unpack_u8(struct unpack *in);
uint32_t unpack_u32(struct unpack *in);
uint64_t unpack_u64(struct unpack *in);
struct view unpack_bytes(struct unpack *in);
/* Malloc'ed; a NUL inside fails.  Never NULL. */
char *unpack_str(struct unpack *in);
/* A NULL-ended list, malloc'ed as is each string (strv_free()).  Never NULL. */
char **unpack_strv(struct unpack *in);

/* ERR_PROTOCOL "WHAT: malformed" if a read failed or bytes are left over. */
int unpack_done(const struct unpack *in, const char *what, struct err *err);
