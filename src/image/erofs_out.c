// SPDX-License-Identifier: MIT
/*
 * See erofs_out.h.  Small pieces are collected; a large one goes out together with what was
 * collected before it in one call, uncopied.  Every write but the patches starts and ends on a
 * block, so that the page cache never has to complete a page.
 */
#include "image/erofs_out.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/limits.h"
#include "image/erofs_format.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	BUFFER_SIZE = 256 * 1024,
	DIRECT_SIZE = 64 * 1024, /* from here on a call costs less than the copy */
};

void erofs_out_init(struct erofs_out *out, int fd)
{
	*out = (struct erofs_out){.fd = fd, .base = EROFS_BLOCK};
	out->buf = xcalloc(1, BUFFER_SIZE);
}

void erofs_out_done(struct erofs_out *out)
{
	free(out->buf);
}

/* Leaves out the first `len` bytes. */
static void skip(struct iovec iov[2], size_t len)
{
	for (int i = 0; i < 2 && len > 0; i++) {
		size_t part = MIN(len, iov[i].iov_len);

		if (part == 0)
			continue;
		iov[i].iov_base = (char *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		len -= part;
	}
}

static int write_at(const struct erofs_out *out, uint64_t offset, struct iovec iov[2],
		    struct err *err)
{
	while (iov[0].iov_len + iov[1].iov_len > 0) {
		ssize_t done = pwritev(out->fd, iov, 2, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "write the image");
		offset += (uint64_t)done;
		skip(iov, (size_t)done);
	}
	return 0;
}

/* Writes the buffer and `len` bytes behind it. */
static int write_out(struct erofs_out *out, const void *bytes, size_t len, struct err *err)
{
	struct iovec iov[2] = {{out->buf, out->used}, {(void *)bytes, len}};
	size_t total = out->used + len;

	assert(total % EROFS_BLOCK == 0);
	if (write_at(out, out->base, iov, err) < 0)
		return -1;
	out->base += total;
	out->used = 0;
	return 0;
}

static int check_size(const struct erofs_out *out, uint64_t len, struct err *err)
{
	if (len > LIMIT_EROFS_IMAGE - (out->base + out->used))
		return err_set(err, ERR_LIMIT, "the image would be larger than %llu GiB",
			       (unsigned long long)(LIMIT_EROFS_IMAGE >> 30));
	return 0;
}

int erofs_out_put(struct erofs_out *out, const void *bytes, size_t len, struct err *err)
{
	const char *at = bytes;

	if (check_size(out, len, err) < 0)
		return -1;
	if (len >= DIRECT_SIZE) {
		size_t direct = len - (out->used + len) % EROFS_BLOCK;

		if (write_out(out, at, direct, err) < 0)
			return -1;
		at += direct;
		len -= direct;
	}
	while (len > 0) {
		size_t part = MIN(len, BUFFER_SIZE - out->used);

		memcpy(out->buf + out->used, at, part);
		out->used += part;
		at += part;
		len -= part;
		if (out->used == BUFFER_SIZE && write_out(out, NULL, 0, err) < 0)
			return -1;
	}
	return 0;
}

int erofs_out_zero(struct erofs_out *out, uint64_t len, struct err *err)
{
	if (check_size(out, len, err) < 0)
		return -1;
	while (len > 0) {
		size_t part = (size_t)MIN(len, (uint64_t)(BUFFER_SIZE - out->used));

		memset(out->buf + out->used, 0, part);
		out->used += part;
		len -= part;
		if (out->used == BUFFER_SIZE && write_out(out, NULL, 0, err) < 0)
			return -1;
	}
	return 0;
}

int erofs_out_align(struct erofs_out *out, struct err *err)
{
	return erofs_out_zero(out, -out->used % EROFS_BLOCK, err);
}

uint32_t erofs_out_block(const struct erofs_out *out)
{
	assert(out->used % EROFS_BLOCK == 0);
	return (uint32_t)((out->base + out->used) / EROFS_BLOCK);
}

int erofs_out_flush(struct erofs_out *out, struct err *err)
{
	return write_out(out, NULL, 0, err);
}

int erofs_out_patch(struct erofs_out *out, uint64_t offset, const void *bytes, size_t len,
		    struct err *err)
{
	struct iovec iov[2] = {{(void *)bytes, len}, {NULL, 0}};

	return write_at(out, offset, iov, err);
}
