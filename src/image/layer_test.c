// SPDX-License-Identifier: MIT
#include "image/layer.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/tap.h"
#include "image/layer_order.h"
#include "image/layer_path.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TAR_BLOCK = 512 };

static const struct layer_limits roomy = {1 << 30, 1000};

/* A header of a tar as small as can be. */
static void put_header(struct buf *tar, const char *name, char type, const char *target,
		       unsigned size)
{
	unsigned char block[TAR_BLOCK] = {0};
	unsigned sum = 0;

	snprintf((char *)block, 100, "%s", name);
	snprintf((char *)block + 100, 8, "0000644");
	snprintf((char *)block + 108, 8, "0000000");
	snprintf((char *)block + 116, 8, "0000000");
	snprintf((char *)block + 124, 12, "%011o", size);
	snprintf((char *)block + 136, 12, "00000000001");
	memset(block + 148, ' ', 8);
	block[156] = (unsigned char)type;
	snprintf((char *)block + 157, 100, "%s", target);
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
	buf_put(tar, block, TAR_BLOCK);
}

static void put_end(struct buf *tar)
{
	static const char zeros[2 * TAR_BLOCK];

	buf_put(tar, zeros, sizeof(zeros));
}

static int convert(const struct buf *tar, size_t len, const struct layer_limits *limits,
		   struct layer_result *ret_result, struct err *err)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(1);
	const struct layer_place alone = {.order = order};
	AUTO(auto_layer) struct layer *layer = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);

	CHECK(fd >= 0);
	if (layer_open(fd, limits, &alone, &layer, err) < 0)
		return -1;
	for (size_t at = 0; at < len; at += 1000) {
		if (layer_write(layer, tar->ptr + at, MIN(len - at, (size_t)1000), err) < 0) {
			struct err again = {0};

			CHECK(layer_write(layer, "", 0, &again) < 0);
			CHECK_STR(again.msg, err->msg);
			return -1;
		}
	}
	return layer_finish(layer, ret_result, err);
}

static void test_result(void)
{
	struct layer_result result = {0};
	AUTO_BUF struct buf tar = BUF_INIT(65536);
	char want[DIGEST_TEXT_SIZE];
	struct err err = {0};

	put_header(&tar, "dir/", '5', "", 0);
	put_header(&tar, "dir/file", '0', "", 3);
	buf_put(&tar, "abc", 3);
	while (tar.len % TAR_BLOCK)
		buf_putc(&tar, '\0');
	put_header(&tar, "dir/link", '1', "/dir/file", 0);
	put_end(&tar);
	CHECK(convert(&tar, tar.len, &roomy, &result, &err) == 0);
	CHECK_STR(err.msg, "");
	digest_of(tar.ptr, tar.len, want);
	CHECK_STR(result.digest, want);
	CHECK_STR(result.diff_id, want);
	CHECK(result.compressed_size == tar.len && result.tar_size == tar.len);
	CHECK(result.entries == 3 && !result.chained);
}

/* Every cut but those between two entries is told; none hangs. */
static void test_cuts(void)
{
	AUTO_BUF struct buf tar = BUF_INIT(65536);

	put_header(&tar, "first", '0', "", 0);
	put_header(&tar, "second", '0', "", 600);
	put_end(&tar);
	for (size_t len = 0; len < tar.len; len += 100) {
		struct layer_result result = {0};
		struct err err = {0};

		CHECK(convert(&tar, len, &roomy, &result, &err) < 0);
		CHECK(err.code == ERR_PROTOCOL);
		if (len > TAR_BLOCK)
			CHECK(strncmp(err.msg, "entry \"", 7) == 0);
	}
}

static void test_caps(void)
{
	static const struct layer_limits small = {4000, 1000};
	struct layer_result result = {0};
	AUTO_BUF struct buf tar = BUF_INIT(65536);
	struct err err = {0};

	put_header(&tar, "large", '0', "", 8192);
	for (size_t i = 0; i < 8192; i++)
		buf_putc(&tar, 'x');
	put_end(&tar);
	CHECK(convert(&tar, tar.len, &small, &result, &err) < 0);
	CHECK(err.code == ERR_LIMIT);
	CHECK_STR(err.msg, "entry \"large\": the layer is larger than the limit of 4000 bytes");
}

static void test_given_up(void)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(1);
	const struct layer_place alone = {.order = order};
	AUTO_BUF struct buf tar = BUF_INIT(65536);
	struct layer *layer = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	struct err err = {0};

	put_header(&tar, "large", '0', "", 8192);
	CHECK(layer_open(fd, &roomy, &alone, &layer, &err) == 0);
	CHECK(layer_write(layer, tar.ptr, tar.len, &err) == 0);
	layer_free(layer);
	CHECK(layer_open(fd, &roomy, &alone, &layer, &err) == 0);
	layer_free(layer);
	layer_free(NULL);
}

static void test_paths(void)
{
	static const struct {
		const char *raw, *clean;
		enum layer_path_kind kind;
	} cases[] = {
		{".", ".", LAYER_PATH_ENTRY},
		{"./", ".", LAYER_PATH_ENTRY},
		{"//usr/./bin//", "usr/bin", LAYER_PATH_ENTRY},
		{"...", "...", LAYER_PATH_ENTRY},
		{".wh.a", "a", LAYER_PATH_WHITEOUT},
		{"d/.wh.a", "d/a", LAYER_PATH_WHITEOUT},
		{"d/.wh..wh..opq", "d", LAYER_PATH_OPAQUE},
		{".wh..wh..opq", ".", LAYER_PATH_OPAQUE},
		{".wh..wh.plnk/1.2", ".wh..wh.plnk/1.2", LAYER_PATH_IGNORED},
		{"a/.wh..wh.orph", "a/.wh..wh.orph", LAYER_PATH_IGNORED},
		{"a.wh.b", "a.wh.b", LAYER_PATH_ENTRY},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF struct buf path = BUF_INIT(8192);
		enum layer_path_kind kind;
		struct err err = {0};

		CHECK(layer_path_clean(cases[i].raw, &path, &err) == 0);
		CHECK(layer_path_kind(&path, &kind, &err) == 0);
		CHECK_STR(path.ptr, cases[i].clean);
		CHECK(path.len == strlen(cases[i].clean));
		CHECK(kind == cases[i].kind);
	}
}

int main(void)
{
	TEST("names are cleaned, and those with .wh. understood");
	test_paths();
	TEST("digests, sizes and entries are told");
	test_result();
	TEST("a layer that is cut is refused with the entry's name");
	test_cuts();
	TEST("a layer over its limit is refused with the entry's name");
	test_caps();
	TEST("a layer may be given up at any time");
	test_given_up();
	return tap_done();
}
