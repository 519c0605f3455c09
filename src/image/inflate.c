// SPDX-License-Identifier: MIT
/*
 * See inflate.h.  The first bytes wait in `head` until they tell the format; from then on one of
 * three functions moves bytes.  What ISA-L does not do itself: members that follow each other, and
 * the zeros that may pad the end.
 */
#include "image/inflate.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "image/layer_order.h"
#include "image/zstd_window.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
	HEAD_SIZE = 4,
	GZIP_FIRST = 0x1f, /* byte of a member */
};

typedef int run_fn(struct inflate *inflate, struct inflate_io *io, struct err *err);

struct inflate {
	run_fn *run; /* NULL: not known yet */
	unsigned char head[HEAD_SIZE];
	size_t head_len, head_given;
	uint64_t taken; /* bytes of input */

	struct inflate_state *gzip;
	bool padding; /* behind the last member */

	ZSTD_DStream *zstd;
	bool inside;			    /* of a frame */
	unsigned char frame[ZSTD_HEAD_MAX]; /* the header of one, as far as it has come */
	size_t frame_len;
	struct layer_order *order;
	size_t layer;
	size_t window; /* what we hold of its memory */
};

struct inflate *inflate_new(struct layer_order *order, size_t layer)
{
	struct inflate *inflate = xcalloc(1, sizeof(*inflate));

	inflate->order = order;
	inflate->layer = layer;
	return inflate;
}

static void close_zstd(struct inflate *inflate)
{
	ZSTD_freeDStream(inflate->zstd);
	inflate->zstd = NULL;
	if (inflate->order)
		layer_order_give(inflate->order, inflate->layer, inflate->window);
	inflate->window = 0;
}

static int open_zstd(struct inflate *inflate, size_t window, struct err *err)
{
	if (inflate->order && layer_order_take(inflate->order, inflate->layer, window, err) < 0)
		return -1;
	inflate->window = window;
	inflate->zstd = ZSTD_createDStream();
	if (!inflate->zstd)
		abort();
	ZSTD_DCtx_setParameter(inflate->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_BITS);
	return 0;
}

void inflate_free(struct inflate *inflate)
{
	if (!inflate)
		return;
	close_zstd(inflate);
	free(inflate->gzip);
	free(inflate);
}

static void take(struct inflate *inflate, struct inflate_io *io, size_t len)
{
	io->in.ptr += len;
	io->in.len -= len;
	inflate->taken += len;
}

static int ends_early(const struct inflate *inflate, const char *format, struct err *err)
{
	return err_set(err, ERR_IO, "the %s stream ends early, after %llu bytes", format,
		       (unsigned long long)inflate->taken);
}

static int run_plain(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	size_t len = MIN(io->in.len, io->size - io->len);

	(void)err;
	if (len > 0)
		memcpy(io->out + io->len, io->in.ptr, len);
	io->len += len;
	take(inflate, io, len);
	return 0;
}

static int gzip_error(const struct inflate *inflate, int code, struct err *err)
{
	static const struct {
		int code;
		const char *text;
	} texts[] = {
		{ISAL_INVALID_BLOCK, "an invalid block"},
		{ISAL_INVALID_SYMBOL, "an invalid symbol"},
		{ISAL_INVALID_LOOKBACK, "an invalid distance"},
		{ISAL_INVALID_WRAPPER, "an invalid header"},
		{ISAL_UNSUPPORTED_METHOD, "an unknown method"},
		{ISAL_INCORRECT_CHECKSUM, "a wrong checksum"},
	};
	const char *text = "corrupt data";

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].code == code)
			text = texts[i].text;
	}
	return err_set(err, ERR_PROTOCOL, "the gzip stream has %s before byte %llu", text,
		       (unsigned long long)inflate->taken);
}

/* Between two members, or behind the last.  1: a member follows. */
static int gzip_between(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	while (io->in.len > 0 && *io->in.ptr == 0) {
		inflate->padding = true;
		take(inflate, io, 1);
	}
	if (io->in.len == 0)
		return 0;
	if (inflate->padding || *io->in.ptr != GZIP_FIRST)
		return err_set(err, ERR_PROTOCOL, "the gzip stream has rubbish at byte %llu",
			       (unsigned long long)inflate->taken);
	isal_inflate_reset(inflate->gzip);
	return 1;
}

/* One call of ISA-L: 1 when it moved anything. */
static int gzip_step(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	struct inflate_state *state = inflate->gzip;
	size_t given = MIN(io->in.len, (size_t)1 << 30), taken, made;
	int code;

	state->next_in = (uint8_t *)io->in.ptr;
	state->avail_in = (uint32_t)given;
	state->next_out = (uint8_t *)io->out + io->len;
	state->avail_out = (uint32_t)(io->size - io->len);
	code = isal_inflate(state);
	taken = given - state->avail_in;
	made = io->size - io->len - state->avail_out;
	take(inflate, io, taken);
	io->len += made;
	if (code < 0 || code == ISAL_NEED_DICT)
		return gzip_error(inflate, code, err);
	return taken > 0 || made > 0;
}

static int run_gzip(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	while (io->len < io->size) {
		bool finished = inflate->gzip->block_state == ISAL_BLOCK_FINISH;
		int moved = finished ? gzip_between(inflate, io, err) : gzip_step(inflate, io, err);

		if (moved < 0)
			return -1;
		if (moved > 0)
			continue;
		if (finished || (io->in.len == 0 && !io->last))
			return 0;
		/* It may have ended just now, with nothing left to move. */
		if (inflate->gzip->block_state == ISAL_BLOCK_FINISH)
			continue;
		if (io->in.len > 0)
			return gzip_error(inflate, ISAL_INVALID_BLOCK, err);
		return ends_early(inflate, "gzip", err);
	}
	return 0;
}

static int zstd_error(const struct inflate *inflate, size_t code, struct err *err)
{
	if (strstr(ZSTD_getErrorName(code), "too much memory"))
		return err_set(err, ERR_LIMIT, "the zstd stream wants a window of more than %d MiB",
			       (1 << ZSTD_WINDOW_BITS) >> 20);
	return err_set(err, ERR_PROTOCOL, "the zstd stream is corrupt before byte %llu: %s",
		       (unsigned long long)inflate->taken, ZSTD_getErrorName(code));
}

/* Between two frames: collects the header of the next one and makes room for its window.  1: the
 * frame has begun, 0: more bytes are needed. */
static int zstd_begin(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	ZSTD_inBuffer in = {inflate->frame, 0, 0};
	ZSTD_outBuffer none = {NULL, 0, 0};
	uint64_t window;
	size_t code;

	while (inflate->frame_len < zstd_header_size(inflate->frame, inflate->frame_len)) {
		if (io->in.len == 0 && io->last && inflate->frame_len > 0)
			break; /* too short: let zstd say what of */
		if (io->in.len == 0)
			return 0;
		inflate->frame[inflate->frame_len++] = (unsigned char)*io->in.ptr;
		take(inflate, io, 1);
	}
	window = zstd_header_window(inflate->frame, inflate->frame_len);
	if (window > inflate->window && window <= 1u << ZSTD_WINDOW_BITS) {
		close_zstd(inflate);
		if (open_zstd(inflate, (size_t)window, err) < 0)
			return -1;
	}
	in.size = inflate->frame_len;
	inflate->frame_len = 0;
	code = ZSTD_decompressStream(inflate->zstd, &none, &in);
	if (ZSTD_isError(code))
		return zstd_error(inflate, code, err);
	inflate->inside = true;
	return 1;
}

static int run_zstd(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	while (io->len < io->size) {
		ZSTD_inBuffer in = {0};
		ZSTD_outBuffer out = {io->out, io->size, io->len};
		int begun = inflate->inside ? 1 : zstd_begin(inflate, io, err);
		size_t code;
		bool moved;

		if (begun <= 0)
			return begun;
		in = (ZSTD_inBuffer){io->in.ptr, io->in.len, 0};
		code = ZSTD_decompressStream(inflate->zstd, &out, &in);
		moved = in.pos > 0 || out.pos > io->len;
		take(inflate, io, in.pos);
		io->len = out.pos;
		if (ZSTD_isError(code))
			return zstd_error(inflate, code, err);
		inflate->inside = code != 0;
		if (!moved && inflate->inside)
			return io->last ? ends_early(inflate, "zstd", err) : 0;
	}
	return 0;
}

static int choose(struct inflate *inflate, struct err *err)
{
	static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd},
				   skippable[] = {0x2a, 0x4d, 0x18};
	const unsigned char *head = inflate->head;

	inflate->run = run_plain;
	if (inflate->head_len < HEAD_SIZE)
		return 0;
	if (memcmp(head, gzip, sizeof(gzip)) == 0) {
		inflate->run = run_gzip;
		inflate->gzip = xcalloc(1, sizeof(*inflate->gzip));
		isal_inflate_init(inflate->gzip);
		inflate->gzip->crc_flag = ISAL_GZIP;
	} else if (memcmp(head, zstd, sizeof(zstd)) == 0 ||
		   ((head[0] & 0xf0) == 0x50 &&
		    memcmp(head + 1, skippable, sizeof(skippable)) == 0)) {
		inflate->run = run_zstd;
		return open_zstd(inflate, 0, err);
	}
	return 0;
}

/* Runs what is in `head`, which is no more than the start of the input. */
static int run_head(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	size_t left = inflate->head_len - inflate->head_given;
	struct inflate_io head = *io;

	head.in = (struct view){(const char *)inflate->head + inflate->head_given, left};
	head.last = io->last && io->in.len == 0;
	if (inflate->run(inflate, &head, err) < 0)
		return -1;
	inflate->head_given = inflate->head_len - head.in.len;
	io->len = head.len;
	return 0;
}

int inflate_run(struct inflate *inflate, struct inflate_io *io, struct err *err)
{
	if (!inflate->run) {
		size_t len = MIN(io->in.len, HEAD_SIZE - inflate->head_len);

		if (len > 0)
			memcpy(inflate->head + inflate->head_len, io->in.ptr, len);
		inflate->head_len += len;
		io->in.ptr += len;
		io->in.len -= len;
		if (inflate->head_len < HEAD_SIZE && !io->last)
			return 0;
		if (choose(inflate, err) < 0)
			return -1;
	}
	if (inflate->head_given < inflate->head_len && run_head(inflate, io, err) < 0)
		return -1;
	if (inflate->head_given < inflate->head_len)
		return 0;
	return inflate->run(inflate, io, err);
}
