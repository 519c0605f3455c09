// SPDX-License-Identifier: MIT
/*
 * What the EROFS writer refuses, and what its bytes do not depend on.  That the bytes are right is
 * for the kernel to say: tests/erofs.sh.
 */
#include "image/erofs.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/limits.h"
#include "base/tap.h"
#include "image/erofs_format.h"

#include <endian.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct image {
	int fd;
	struct erofs_writer *writer;
};

static struct image image_new(void)
{
	struct erofs_params params = {.build_time = 1000};
	struct image image = {.fd = memfd_create("image", MFD_CLOEXEC)};

	image.writer = erofs_writer_new(image.fd, &params);
	return image;
}

static void image_free(struct image *image)
{
	erofs_writer_free(image->writer);
	close(image->fd);
}

/* The whole file, malloc'ed. */
static char *image_bytes(const struct image *image, size_t *ret_size)
{
	struct stat st = {0};
	char *bytes;

	CHECK(fstat(image->fd, &st) == 0);
	*ret_size = (size_t)st.st_size;
	bytes = xcalloc(1, *ret_size);
	CHECK(pread(image->fd, bytes, *ret_size, 0) == (ssize_t)*ret_size);
	return bytes;
}

static struct erofs_entry entry_of(const char *path, mode_t mode)
{
	return (struct erofs_entry){.path = path, .mode = mode, .mtime = 1000};
}

/* Why the entry alone in an image is refused; "" if it is not. */
static const char *refusal(const struct erofs_entry *entry)
{
	static struct err err;
	struct image image = image_new();

	err.msg[0] = '\0';
	CHECK((erofs_add(image.writer, entry, &err) < 0) == (err.msg[0] != '\0'));
	image_free(&image);
	return err.msg;
}

static const char *path_refusal(const char *path)
{
	struct erofs_entry entry = entry_of(path, S_IFDIR | 0755);

	return refusal(&entry);
}

static void test_paths(void)
{
	char text[LIMIT_EROFS_PATH + 2] = {0};

	TEST("paths that archives write are accepted");
	CHECK_STR(path_refusal("a"), "");
	CHECK_STR(path_refusal("./a/b/"), "");
	CHECK_STR(path_refusal("././a"), "");
	CHECK_STR(path_refusal("..."), "");
	CHECK_STR(path_refusal("."), "");
	CHECK_STR(path_refusal("./"), "");
	CHECK_STR(path_refusal("\xff\xfe"), "");
	memset(text, 'n', EROFS_NAME_MAX);
	CHECK_STR(path_refusal(text), "");

	TEST("others are refused by name");
	CHECK_STR(path_refusal(""), "entry \"\": the path is empty");
	CHECK_STR(path_refusal("/a"), "entry \"/a\": the path is absolute");
	CHECK_STR(path_refusal("a//b"), "entry \"a//b\": the path has an empty component");
	CHECK_STR(path_refusal("a/./b"), "entry \"a/./b\": the path has a component '.'");
	CHECK_STR(path_refusal("../b"), "entry \"../b\": the path has a component '..'");
	CHECK_STR(path_refusal("a/.."), "entry \"a/..\": the path has a component '..'");
	text[EROFS_NAME_MAX] = 'n';
	CHECK(strstr(path_refusal(text), ": a name is longer than 255 bytes"));
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "n/", 2);
	text[sizeof(text) - 1] = '\0';
	CHECK(strstr(path_refusal(text), ": the path is longer than 4096 bytes"));
}

static void test_entries(void)
{
	struct erofs_xattr many[LIMIT_EROFS_XATTRS + 1],
		twice[] = {{"user.a", "", 0}, {"user.a", "b", 1}};
	struct erofs_xattr unknown = {"btrfs.compression", "zstd", 4};
	struct erofs_entry entry = entry_of("a", S_IFREG);

	TEST("entries that EROFS cannot hold are refused");
	entry.xattrs = twice;
	entry.xattr_count = 2;
	CHECK_STR(refusal(&entry), "entry \"a\": the attribute 'user.a' is given twice");
	entry.xattrs = &unknown;
	entry.xattr_count = 1;
	CHECK_STR(refusal(&entry), "entry \"a\": EROFS cannot hold the attribute "
				   "'btrfs.compression'");
	entry.xattrs = many;
	entry.xattr_count = ARRAY_SIZE(many);
	CHECK_STR(refusal(&entry), "entry \"a\": more than 64 extended attributes");
	entry = entry_of("a", S_IFREG);
	entry.size = UINT64_C(1) << 40;
	CHECK_STR(refusal(&entry), "entry \"a\": 1099511627776 bytes are more than 128 GiB");
	entry = entry_of("a", S_IFREG);
	entry.mtime_nsec = 1000000000;
	CHECK_STR(refusal(&entry), "entry \"a\": a time with 1000000000 nanoseconds");
	entry = entry_of("a", 0644);
	CHECK_STR(refusal(&entry), "entry \"a\": mode 0644 names no type of file");
	entry = entry_of("a", S_IFLNK);
	CHECK_STR(refusal(&entry), "entry \"a\": a symbolic link without a target");
	entry = entry_of("a", S_IFBLK);
	entry.rdev = makedev(4096, 0);
	CHECK_STR(refusal(&entry), "entry \"a\": the device number 4096:0 does not exist");
	entry = entry_of(".", S_IFREG);
	CHECK_STR(refusal(&entry), "entry \".\": the root must be a directory");
	entry = (struct erofs_entry){.path = "a", .link = "."};
	CHECK_STR(refusal(&entry), "entry \"a\": a hard link to a directory");

	TEST("the names of attributes that it can hold");
	CHECK(erofs_xattr_storable("user.a") && erofs_xattr_storable("security.capability"));
	CHECK(erofs_xattr_storable("system.posix_acl_access"));
	CHECK(!erofs_xattr_storable("user.") && !erofs_xattr_storable("system.posix_acl_access2"));
}

static void test_data(void)
{
	struct erofs_entry entry = entry_of("dir/f", S_IFREG | 0644);
	struct image image = image_new();
	struct err err;

	TEST("data must be just what was announced");
	entry.size = 3;
	CHECK(erofs_write_data(image.writer, "x", 1, &err) < 0);
	CHECK_STR(err.msg, "data without a regular file to hold it");
	CHECK(erofs_add(image.writer, &entry, &err) == 0);
	CHECK(erofs_write_data(image.writer, "ab", 2, &err) == 0);
	CHECK(erofs_add(image.writer, &entry, &err) < 0);
	CHECK_STR(err.msg, "entry \"dir/f\": its data ends after 2 of 3 bytes");
	CHECK(erofs_finish(image.writer, &err) < 0);
	CHECK_STR(err.msg, "entry \"dir/f\": its data ends after 2 of 3 bytes");
	CHECK(erofs_write_data(image.writer, "cd", 2, &err) < 0);
	CHECK_STR(err.msg, "entry \"dir/f\": more data than its 3 bytes");
	image_free(&image);
}

/* An image of one file, its data given in steps. */
static char *image_of(const char *data, size_t size, size_t step, size_t *ret_size)
{
	struct erofs_entry entry = entry_of("f", S_IFREG | 0644);
	struct image image = image_new();
	struct err err;
	char *bytes;

	entry.size = size;
	CHECK(erofs_add(image.writer, &entry, &err) == 0);
	for (size_t at = 0; at < size; at += step)
		CHECK(erofs_write_data(image.writer, data + at, MIN(step, size - at), &err) == 0);
	CHECK(erofs_finish(image.writer, &err) == 0);
	bytes = image_bytes(&image, ret_size);
	image_free(&image);
	return bytes;
}

static void check_steps(const char *data, size_t size)
{
	static const size_t steps[] = {1, 1000, 4096, 65536, 65537, 300000};
	size_t want_size, got_size;
	AUTO_FREE char *want = image_of(data, size, size, &want_size);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		AUTO_FREE char *got = image_of(data, size, steps[i], &got_size);

		CHECK(got_size == want_size && memcmp(got, want, want_size) == 0);
	}
}

static void test_steps(void)
{
	enum { SIZE = 10 * 65536 + 4100 };
	AUTO_FREE char *data = xcalloc(1, SIZE);
	size_t full, holes;

	TEST("the steps in which data arrives do not show");
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7 + i / 251 + 1);
	check_steps(data, SIZE);
	check_steps(data, 4095);
	free(image_of(data, SIZE, SIZE, &full));
	memset(data + 65536, 0, 3 * 65536 + 5);
	memset(data + 7 * 65536 - 1, 0, 2 * 65536);
	check_steps(data, SIZE);
	free(image_of(data, SIZE, SIZE, &holes));
	/* four chunks less; but the tail takes a block, for the table lies behind the inode */
	CHECK(full - holes == 4 * 65536 - EROFS_BLOCK);
	memset(data, 0, SIZE);
	check_steps(data, SIZE);
	data[SIZE - 1] = 1;
	check_steps(data, SIZE);
}

static void test_holes(void)
{
	enum { SIZE = 700000 };
	AUTO_FREE char *data = xcalloc(1, SIZE);
	struct erofs_entry entry = entry_of("f", S_IFREG | 0644);
	struct image image = image_new();
	size_t got_size, want_size;
	AUTO_FREE char *want = NULL, *got = NULL;
	struct err err;

	TEST("a hole is as good as zeros");
	data[SIZE - 1] = 1;
	want = image_of(data, SIZE, SIZE, &want_size);
	entry.size = SIZE;
	CHECK(erofs_add(image.writer, &entry, &err) == 0);
	CHECK(erofs_write_hole(image.writer, 70000, &err) == 0);
	CHECK(erofs_write_hole(image.writer, SIZE - 70001, &err) == 0);
	CHECK(erofs_write_data(image.writer, "\1", 1, &err) == 0);
	CHECK(erofs_finish(image.writer, &err) == 0);
	got = image_bytes(&image, &got_size);
	CHECK(got_size == want_size && memcmp(got, want, want_size) == 0);
	image_free(&image);
}

static uint32_t magic_of(const struct image *image)
{
	uint32_t magic = 0;

	CHECK(pread(image->fd, &magic, sizeof(magic), EROFS_SUPER_OFFSET) >= 0);
	return le32toh(magic);
}

static void test_many(void)
{
	enum { COUNT = 40000 };
	struct image image = image_new();
	struct err err = {0};
	int result = 0;

	TEST("a large tree; it is a file system only when it is finished");
	for (int i = 0; i < COUNT && result == 0; i++) {
		AUTO_FREE char *path = xasprintf("d%d/some/file %d", i % 100, i);
		struct erofs_entry entry = entry_of(path, S_IFREG | 0644);

		entry.mtime = i;
		entry.size = (uint64_t)(i % 3000);
		result = erofs_add(image.writer, &entry, &err);
		if (result == 0)
			result = erofs_write_hole(image.writer, entry.size, &err);
	}
	CHECK(result == 0);
	CHECK(magic_of(&image) == 0);
	CHECK(erofs_finish(image.writer, &err) == 0);
	CHECK(magic_of(&image) == EROFS_MAGIC);
	CHECK_STR(err.msg, "");
	image_free(&image);
}

static void test_links(void)
{
	struct erofs_entry entry = entry_of("first", S_IFREG | 0644);
	struct image image = image_new();
	struct err err = {0};
	int result, i;

	TEST("too many hard links of one file are refused");
	result = erofs_add(image.writer, &entry, &err);
	for (i = 1; i <= LIMIT_EROFS_LINKS && result == 0; i++) {
		AUTO_FREE char *path = xasprintf("%d", i);
		struct erofs_entry link = {.path = path, .link = "first"};

		result = erofs_add(image.writer, &link, &err);
	}
	CHECK(i == LIMIT_EROFS_LINKS + 1);
	CHECK_STR(err.msg, "entry \"65535\": more than 65535 hard links");
	image_free(&image);
}

int main(void)
{
	test_paths();
	test_entries();
	test_data();
	test_steps();
	test_holes();
	test_many();
	test_links();
	return tap_done();
}
