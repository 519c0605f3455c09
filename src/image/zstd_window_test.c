// SPDX-License-Identifier: MIT
#include "image/zstd_window.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/tap.h"
#include "image/inflate.h"
#include "image/layer_order.h"

#include <stdlib.h>
#include <zstd.h>

enum { MIB = 1024 * 1024 };

/* A frame of `len` zeros; `known`: its header names the length. */
static void put_frame(struct buf *out, size_t len, int window_bits, bool known)
{
	AUTO_FREE char *zeros = xcalloc(1, len);
	ZSTD_CStream *stream = ZSTD_createCStream();
	size_t room = ZSTD_compressBound(len);
	ZSTD_inBuffer in = {zeros, len, 0};
	ZSTD_outBuffer to = {buf_reserve(out, room), room, 0};

	ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, window_bits);
	if (known)
		ZSTD_CCtx_setPledgedSrcSize(stream, len);
	else
		ZSTD_compressStream2(stream, &to, &in, ZSTD_e_flush);
	CHECK(ZSTD_compressStream2(stream, &to, &in, ZSTD_e_end) == 0);
	buf_added(out, to.pos);
	ZSTD_freeCStream(stream);
}

static void check_header(size_t len, int window_bits, bool known, uint64_t want)
{
	AUTO_BUF struct buf frame = BUF_INIT(64 * MIB);
	const unsigned char *head;
	size_t have = 0;

	put_frame(&frame, len, window_bits, known);
	head = (const unsigned char *)frame.ptr;
	while (have < zstd_header_size(head, have))
		have++;
	CHECK(have <= ZSTD_HEAD_MAX && have < frame.len);
	CHECK(zstd_header_window(head, have) == want);
}

/* Inflates the frames as layer 0; the bytes that came out, 0 with err. */
static size_t inflate_frames(struct layer_order *order, const struct buf *frames, struct err *err)
{
	AUTO(auto_inflate) struct inflate *inflate = inflate_new(order, 0);
	AUTO_FREE char *room = xcalloc(1, MIB);
	struct inflate_io io = {{frames->ptr, frames->len}, true, room, MIB, 0};
	size_t total = 0;

	do {
		io.len = 0;
		if (inflate_run(inflate, &io, err) < 0)
			return 0;
		total += io.len;
	} while (io.len == io.size);
	return total;
}

static void test_memory(void)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(2);
	AUTO_BUF struct buf frames = BUF_INIT(64 * MIB);
	struct err err = {0};

	TEST("frames of all sizes in one stream take the largest, and give it back");
	put_frame(&frames, MIB, 20, false);
	put_frame(&frames, MIB, 25, false);
	put_frame(&frames, 100, 10, true);
	put_frame(&frames, MIB, 23, false);
	CHECK(layer_order_take(order, 0, LAYER_MEMORY_MAX - 32 * MIB, &err) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(inflate_frames(order, &frames, &err) == 3 * MIB + 100);
	TEST("where that is more than is left the stream is refused");
	CHECK(layer_order_take(order, 0, 1, &err) == 0);
	CHECK(inflate_frames(order, &frames, &err) == 0);
	CHECK(err.code == ERR_LIMIT);
	CHECK_STR(err.msg, "the layer's names and its zstd window take more than 40 MiB of memory:"
			   " divide it into smaller ones");
}

int main(void)
{
	TEST("the window of a header");
	check_header(MIB, 10, false, 1024);
	check_header(MIB, 20, false, MIB);
	check_header(MIB, 25, false, 32 * MIB);
	check_header(200, 20, true, 200);
	check_header(300, 20, true, 300);
	check_header(70000, 20, true, 70000);
	CHECK(zstd_header_window((const unsigned char *)"\x5a\x2a\x4d\x18\0\0\0\0", 8) == 0);
	test_memory();
	return tap_done();
}
