// SPDX-License-Identifier: MIT
/* Fields of messages: see pack.h. */
#include "wire/pack.h"

#include "base/alloc.h"
#include "base/strv.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void pack_u8(struct buf *buf, uint8_t value)
{
	buf_put(buf, &value, sizeof(value));
}

void pack_u32(struct buf *buf, uint32_t value)
{
	uint32_t le = htole32(value);

	buf_put(buf, &le, sizeof(le));
}

void pack_u64(struct buf *buf, uint64_t value)
{
	uint64_t le = htole64(value);

	buf_put(buf, &le, sizeof(le));
}

void pack_bytes(struct buf *buf, struct view bytes)
{
	if (bytes.len > UINT32_MAX) {
		buf->failed = true;
		return;
	}
	pack_u32(buf, (uint32_t)bytes.len);
	buf_put(buf, bytes.ptr, bytes.len);
}

void pack_str(struct buf *buf, const char *text)
{
	pack_bytes(buf, view_of(text ? text : ""));
}

void pack_strv(struct buf *buf, char *const *list)
{
	size_t count = strv_count(list);

	pack_u32(buf, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		pack_str(buf, list[i]);
}

static bool take(struct unpack *in, void *to, size_t len)
{
	if (in->failed || in->len < len) {
		in->failed = true;
		memset(to, 0, len);
		return false;
	}
	memcpy(to, in->ptr, len);
	in->ptr += len;
	in->len -= len;
	return true;
}

uint8_t unpack_u8(struct unpack *in)
{
	uint8_t value;

	take(in, &value, sizeof(value));
	return value;
}

uint32_t unpack_u32(struct unpack *in)
{
	uint32_t le;

	take(in, &le, sizeof(le));
	return le32toh(le);
}

uint64_t unpack_u64(struct unpack *in)
{
	uint64_t le;

	take(in, &le, sizeof(le));
	return le64toh(le);
}

struct view unpack_bytes(struct unpack *in)
{
	uint32_t len = unpack_u32(in);
	struct view bytes = {in->ptr, len};

	if (in->failed || in->len < len) {
		in->failed = true;
		return (struct view){"", 0};
	}
	in->ptr += len;
	in->len -= len;
	return bytes;
}

char *unpack_str(struct unpack *in)
{
	struct view bytes = unpack_bytes(in);

	if (memchr(bytes.ptr, '\0', bytes.len)) {
		in->failed = true;
		return xstrdup("");
	}
	return xstrndup(bytes.ptr, bytes.len);
}

char **unpack_strv(struct unpack *in)
{
	uint32_t count = unpack_u32(in);
	char **list;

	/* Each string takes four bytes at least: a count beyond that is a lie. */
	if (in->failed || count > in->len / 4) {
		in->failed = in->failed || count > 0;
		count = 0;
	}
	list = xcalloc((size_t)count + 1, sizeof(char *));
	for (uint32_t i = 0; i < count; i++)
		list[i] = unpack_str(in);
	return list;
}

int unpack_done(const struct unpack *in, const char *what, struct err *err)
{
	if (in->failed || in->len > 0)
		return err_set(err, ERR_PROTOCOL, "%s: malformed", what);
	return 0;
}
