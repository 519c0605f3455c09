// SPDX-License-Identifier: MIT
/*
 * The name of merged layers, and what merging refuses.  That the trees are right is for overlayfs
 * to say: tests/merge.sh.
 */
#include "image/merge.h"

#include "base/attr.h"
#include "base/tap.h"
#include "image/erofs.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A layer with one empty file. */
static int make_layer(const char *path)
{
	const struct erofs_params params = {.build_time = 0};
	const struct erofs_entry entry = {.path = path, .mode = S_IFREG | 0644};
	int fd = memfd_create("layer", MFD_CLOEXEC);
	struct erofs_writer *writer = erofs_writer_new(fd, &params);
	struct err err;

	CHECK(erofs_add(writer, &entry, &err) == 0);
	CHECK(erofs_finish(writer, &err) == 0);
	erofs_writer_free(writer);
	return fd;
}

static void test_digest(void)
{
	const char *const diff_ids[] = {
		"sha256:0000000000000000000000000000000000000000000000000000000000000000",
		"sha256:1111111111111111111111111111111111111111111111111111111111111111",
	};
	char digest[DIGEST_TEXT_SIZE], want[DIGEST_TEXT_SIZE];
	static const char text[] =
		"matchlock-squash-v1\n"
		"sha256:0000000000000000000000000000000000000000000000000000000000000000\n"
		"sha256:1111111111111111111111111111111111111111111111111111111111111111\n";

	TEST("merged layers are named after their diff ids");
	merge_digest(diff_ids, ARRAY_SIZE(diff_ids), digest);
	digest_of(text, sizeof(text) - 1, want);
	CHECK_STR(digest, want);
	merge_digest(diff_ids, 1, digest);
	CHECK(strcmp(digest, want) != 0);
}

static void test_same_bytes(void)
{
	const int layers[] = {make_layer("a"), make_layer("b"), make_layer("a")};
	AUTO_FD int once = memfd_create("once", MFD_CLOEXEC);
	AUTO_FD int twice = memfd_create("twice", MFD_CLOEXEC);
	char a[16384], b[16384];
	struct err err;
	ssize_t size;

	TEST("the same layers give the same bytes");
	CHECK(merge_layers(layers, ARRAY_SIZE(layers), once, 7, &err) == 0);
	CHECK(merge_layers(layers, ARRAY_SIZE(layers), twice, 7, &err) == 0);
	size = pread(once, a, sizeof(a), 0);
	CHECK(size > 4096 && pread(twice, b, sizeof(b), 0) == size);
	CHECK(memcmp(a, b, (size_t)size) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
		close(layers[i]);
}

static void test_refused(void)
{
	AUTO_FD int sound = make_layer("a");
	AUTO_FD int empty = memfd_create("empty", MFD_CLOEXEC);
	AUTO_FD int out = memfd_create("out", MFD_CLOEXEC);
	const int layers[] = {empty, sound};
	struct err err;

	TEST("a damaged layer is named");
	CHECK(merge_layers(layers, ARRAY_SIZE(layers), out, 0, &err) < 0);
	CHECK_STR(err.msg, "layer 1 of 2: damaged EROFS image: it has only 0 bytes");
}

int main(void)
{
	test_digest();
	test_same_bytes();
	test_refused();
	return tap_done();
}
