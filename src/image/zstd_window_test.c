// SPDX-License-Identifier: MIT
#include "image/zstd_window.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/tap.h"
#include "image/inflate.h"

#include <pthread.h>
#include <stdatomic.h>
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

/* Inflates a frame; the bytes that came out. */
static size_t inflate_frame(struct zstd_windows *windows, const struct buf *frame)
{
	AUTO(auto_inflate) struct inflate *inflate = inflate_new(windows);
	AUTO_FREE char *room = xcalloc(1, MIB);
	struct inflate_io io = {{frame->ptr, frame->len}, true, room, MIB, 0};
	struct err err;
	size_t total = 0;

	do {
		io.len = 0;
		CHECK(inflate_run(inflate, &io, &err) == 0);
		total += io.len;
	} while (io.len == io.size);
	return total;
}

struct waiter {
	struct zstd_windows *windows;
	const struct buf *frame;
	atomic_bool ended;
	size_t total;
};

static void *wait_thread(void *arg)
{
	struct waiter *waiter = arg;

	waiter->total = inflate_frame(waiter->windows, waiter->frame);
	atomic_store(&waiter->ended, true);
	return NULL;
}

static void test_wait(void)
{
	AUTO(auto_zstd_windows) struct zstd_windows *windows = zstd_windows_new();
	AUTO_BUF struct buf small = BUF_INIT(64 * MIB), large = BUF_INIT(64 * MIB);
	struct waiter waiter = {.windows = windows, .frame = &large};
	pthread_t thread;

	put_frame(&small, MIB, 20, false);
	put_frame(&large, MIB, 24, false);
	zstd_windows_take(windows, 24 * MIB);
	TEST("a window that fits is had at once, and given back at the end");
	for (int i = 0; i < 100; i++)
		CHECK(inflate_frame(windows, &small) == MIB);
	TEST("one that does not fit waits for others");
	CHECK(pthread_create(&thread, NULL, wait_thread, &waiter) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(inflate_frame(windows, &small) == MIB);
	CHECK(!atomic_load(&waiter.ended));
	zstd_windows_give(windows, 24 * MIB);
	pthread_join(thread, NULL);
	CHECK(waiter.total == MIB);
	TEST("frames of all sizes in one stream hold the largest, and that comes back");
	put_frame(&small, MIB, 25, false);
	put_frame(&small, 100, 10, true);
	put_frame(&small, MIB, 23, false);
	CHECK(inflate_frame(windows, &small) == 3 * MIB + 100);
	zstd_windows_take(windows, ZSTD_WINDOWS_MAX);
	zstd_windows_give(windows, ZSTD_WINDOWS_MAX);
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
	test_wait();
	return tap_done();
}
