// SPDX-License-Identifier: MIT
#include "image/inflate.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/tap.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <zstd.h>

enum { TEXT_LEN = 300000, OUT_SIZE = 1024 * 1024 };

static char *make_text(void)
{
	char *text = xcalloc(1, TEXT_LEN);
	unsigned number = 1;

	for (size_t i = 0; i < TEXT_LEN; i++) {
		number = number * 1103515245 + 12345;
		text[i] = (char)('a' + (number >> 16) % 9);
	}
	return text;
}

static void put_gzip(struct buf *out, const char *bytes, size_t len)
{
	struct isal_zstream stream;
	char *room = buf_reserve(out, len + 1024);

	isal_deflate_stateless_init(&stream);
	stream.gzip_flag = IGZIP_GZIP;
	stream.end_of_stream = 1;
	stream.next_in = (uint8_t *)bytes;
	stream.avail_in = (uint32_t)len;
	stream.next_out = (uint8_t *)room;
	stream.avail_out = (uint32_t)(len + 1024);
	CHECK(isal_deflate_stateless(&stream) == COMP_OK);
	buf_added(out, stream.total_out);
}

static void put_zstd(struct buf *out, const char *bytes, size_t len)
{
	size_t size = ZSTD_compressBound(len);

	size = ZSTD_compress(buf_reserve(out, size), size, bytes, len, 3);
	CHECK(!ZSTD_isError(size));
	buf_added(out, size);
}

/* Inflates `in` in pieces, into blocks of their own size. */
static int inflate_all(const struct buf *in, size_t piece, size_t block, struct buf *out,
		       struct err *err)
{
	AUTO(auto_inflate) struct inflate *inflate = inflate_new(NULL, 0);
	AUTO_FREE char *room = xcalloc(1, block);
	struct inflate_io io = {.out = room, .size = block};

	for (size_t at = 0; !io.last; at += piece) {
		size_t left = at < in->len ? in->len - at : 0;

		io.in = (struct view){in->ptr + MIN(at, in->len), MIN(piece, left)};
		io.last = left == 0;
		do {
			io.len = 0;
			if (inflate_run(inflate, &io, err) < 0)
				return -1;
			buf_put(out, room, io.len);
		} while (io.len == io.size);
		CHECK(io.in.len == 0);
	}
	return buf_check(out, "the output", err);
}

static void check_gives(const struct buf *in, const char *want, size_t len)
{
	static const size_t sizes[] = {1, 3, 5, 4096, OUT_SIZE};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			AUTO_BUF struct buf out = BUF_INIT(OUT_SIZE);
			struct err err = {0};
			int result = inflate_all(in, sizes[i], sizes[k], &out, &err);

			CHECK(result == 0);
			CHECK_STR(err.msg, "");
			CHECK(out.len == len && memcmp(out.ptr, want, len) == 0);
		}
	}
}

static void check_fails(const struct buf *in, enum err_code code, const char *text)
{
	static const size_t pieces[] = {1, 100, OUT_SIZE};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		AUTO_BUF struct buf out = BUF_INIT(OUT_SIZE);
		struct err err = {0};
		int result = inflate_all(in, pieces[i], 4096, &out, &err);

		CHECK(result < 0);
		CHECK(err.code == code);
		if (!strstr(err.msg, text))
			CHECK_STR(err.msg, text);
	}
}

/* What is true of a stream of both compressions. */
static void test_stream(void (*put)(struct buf *out, const char *bytes, size_t len))
{
	AUTO_FREE char *text = make_text();
	AUTO_BUF struct buf in = BUF_INIT(OUT_SIZE);

	put(&in, text, TEXT_LEN);
	check_gives(&in, text, TEXT_LEN);
	in.len -= 3;
	check_fails(&in, ERR_IO, "ends early, after");
	in.len = 4;
	check_fails(&in, ERR_IO, "stream ends early, after 4 bytes");
	buf_clear(&in);
	put(&in, text, 1000);
	put(&in, text + 1000, 0);
	put(&in, text + 1000, TEXT_LEN - 1000);
	check_gives(&in, text, TEXT_LEN);
	buf_puts(&in, "more");
	check_fails(&in, ERR_PROTOCOL, "stream");
}

static void test_plain(void)
{
	AUTO_BUF struct buf in = BUF_INIT(OUT_SIZE);

	check_gives(&in, "", 0);
	buf_puts(&in, "\x1f\x8b");
	check_gives(&in, "\x1f\x8b", 2);
	buf_clear(&in);
	buf_puts(&in, "just text");
	check_gives(&in, "just text", 9);
}

static void test_gzip_end(void)
{
	AUTO_BUF struct buf in = BUF_INIT(OUT_SIZE);

	put_gzip(&in, "text", 4);
	buf_put(&in, "\0\0\0\0", 4);
	check_gives(&in, "text", 4);
	buf_put(&in, "\x1f\x8b\x08", 3);
	check_fails(&in, ERR_PROTOCOL, "the gzip stream has rubbish at byte");
	buf_clear(&in);
	put_gzip(&in, "text", 4);
	in.ptr[in.len - 6] ^= 1;
	check_fails(&in, ERR_PROTOCOL, "the gzip stream has a wrong checksum before byte");
}

static void test_zstd_window(void)
{
	/* A frame of one empty block that asks for a window of 2 GiB. */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	AUTO_BUF struct buf in = BUF_INIT(OUT_SIZE);

	buf_put(&in, frame, sizeof(frame) - 1);
	check_fails(&in, ERR_LIMIT, "the zstd stream wants a window of more than 32 MiB");
}

int main(void)
{
	TEST("what is not compressed comes out as it is, however short");
	test_plain();
	TEST("gzip, in pieces of every size; members one after the other; cut; followed by "
	     "rubbish");
	test_stream(put_gzip);
	TEST("zstd, in pieces of every size; frames one after the other; cut; followed by rubbish");
	test_stream(put_zstd);
	TEST("gzip: zeros may follow, and nothing behind them; the checksum counts");
	test_gzip_end();
	TEST("zstd: a large window is refused");
	test_zstd_window();
	return tap_done();
}
