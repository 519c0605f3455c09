// SPDX-License-Identifier: MIT
/*
 * The EROFS reader on small images of our own writer, and on damaged ones.  Whole trees are
 * compared by the kernel: tests/merge.sh.
 */
#include "image/erofs_reader.h"

#include "base/attr.h"
#include "base/limits.h"
#include "base/tap.h"
#include "image/erofs_format.h"
#include "image/erofs_meta.h"

#include <endian.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { FIRST_MTIME = 1000 };

static void add(struct erofs_writer *writer, struct erofs_entry entry, const char *text)
{
	struct err err;

	entry.size = text ? strlen(text) : 0;
	entry.mtime = entry.mtime ? entry.mtime : FIRST_MTIME;
	CHECK(erofs_add(writer, &entry, &err) == 0);
	if (entry.size > 0)
		CHECK(erofs_write_data(writer, text, entry.size, &err) == 0);
}

/* An image with one of each. */
static int make_image(void)
{
	const struct erofs_xattr xattrs[] = {{"user.a", "1", 1}, {"security.capability", "", 0}};
	const struct erofs_params params = {.build_time = FIRST_MTIME};
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct erofs_writer *writer = erofs_writer_new(fd, &params);
	struct err err;

	add(writer, (struct erofs_entry){.path = "b", .mode = S_IFREG | 04755, .uid = 70000},
	    "text of b");
	add(writer, (struct erofs_entry){.path = "a", .link = "b"}, NULL);
	add(writer, (struct erofs_entry){.path = "dir", .mode = S_IFDIR | 01777}, NULL);
	add(writer,
	    (struct erofs_entry){
		    .path = "dir/x", .mode = S_IFREG | 0600, .xattrs = xattrs, .xattr_count = 2},
	    NULL);
	add(writer,
	    (struct erofs_entry){
		    .path = "dir/y", .mode = S_IFREG | 0600, .xattrs = xattrs, .xattr_count = 2},
	    NULL);
	add(writer,
	    (struct erofs_entry){.path = "c", .mode = S_IFCHR | 0600, .rdev = makedev(4, 700)},
	    NULL);
	add(writer, (struct erofs_entry){.path = "l", .mode = S_IFLNK | 0777, .target = "dir/x"},
	    NULL);
	add(writer,
	    (struct erofs_entry){.path = "p", .mode = S_IFIFO | 0640, .mtime = -5, .mtime_nsec = 6},
	    NULL);
	CHECK(erofs_finish(writer, &err) == 0);
	erofs_writer_free(writer);
	return fd;
}

static int list_entry(void *ctx, const struct erofs_entry *entry, uint64_t nid ML_UNUSED,
		      struct err *err ML_UNUSED)
{
	struct buf *list = ctx;

	buf_printf(list, "%s", entry->path);
	if (entry->link)
		buf_printf(list, "=%s", entry->link);
	buf_printf(list, " %o,", entry->mode);
	return 0;
}

static int put_text(void *ctx, const void *bytes, size_t len, struct err *err ML_UNUSED)
{
	buf_put(ctx, bytes, len);
	return 0;
}

static int put_hole(void *ctx, uint64_t len, struct err *err ML_UNUSED)
{
	buf_printf(ctx, "[%llu]", (unsigned long long)len);
	return 0;
}

static void test_walk(struct erofs_reader *reader)
{
	AUTO_BUF struct buf list = BUF_INIT(1024);
	struct err err;

	TEST("a walk visits names in order, directories first, links by their first name");
	CHECK(erofs_reader_walk(reader, list_entry, &list, &err) == 0);
	CHECK_STR(list.ptr, ". 40755,a 104755,b=a 104755,c 20600,dir 41777,dir/x 100600,"
			    "dir/y 100600,l 120777,p 10640,");
}

static void test_lookup(struct erofs_reader *reader)
{
	uint64_t a, b, none;
	struct err err;

	TEST("paths are looked up");
	CHECK(erofs_reader_lookup(reader, "a", &a, &err) == 0);
	CHECK(erofs_reader_lookup(reader, "./b", &b, &err) == 0 && a == b);
	CHECK(erofs_reader_lookup(reader, "dir/x", &b, &err) == 0 && a != b);
	CHECK(erofs_reader_lookup(reader, "dir/z", &none, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK(erofs_reader_lookup(reader, "b/x", &none, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK(erofs_reader_lookup(reader, "l/x", &none, &err) < 0 && err.code == ERR_NOT_FOUND);
}

static void test_entries(struct erofs_reader *reader)
{
	AUTO_BUF struct buf text = BUF_INIT(1024);
	const struct erofs_sink sink = {put_text, put_hole, &text};
	struct erofs_entry entry;
	uint64_t nid;
	struct err err;

	TEST("an entry is what was written");
	CHECK(erofs_reader_lookup(reader, "b", &nid, &err) == 0);
	CHECK(erofs_reader_entry(reader, nid, &entry, &err) == 0);
	CHECK(entry.uid == 70000 && entry.size == 9 && entry.mtime == FIRST_MTIME);
	CHECK(erofs_reader_data(reader, nid, &sink, &err) == 0);
	CHECK_STR(text.ptr, "text of b");
	CHECK(erofs_reader_lookup(reader, "c", &nid, &err) == 0);
	CHECK(erofs_reader_entry(reader, nid, &entry, &err) == 0);
	CHECK(entry.rdev == makedev(4, 700));
	CHECK(erofs_reader_data(reader, nid, &sink, &err) < 0 && err.code == ERR_INVALID);
	CHECK(erofs_reader_lookup(reader, "l", &nid, &err) == 0);
	CHECK(erofs_reader_entry(reader, nid, &entry, &err) == 0);
	CHECK_STR(entry.target, "dir/x");
	CHECK(erofs_reader_lookup(reader, "p", &nid, &err) == 0);
	CHECK(erofs_reader_entry(reader, nid, &entry, &err) == 0);
	CHECK(entry.mtime == -5 && entry.mtime_nsec == 6);

	TEST("with attributes, whether shared or its own");
	for (const char *path = "dir/x"; path; path = strcmp(path, "dir/x") ? NULL : "dir/y") {
		CHECK(erofs_reader_lookup(reader, path, &nid, &err) == 0);
		CHECK(erofs_reader_entry(reader, nid, &entry, &err) == 0);
		CHECK(entry.xattr_count == 2);
		CHECK_STR(entry.xattrs[0].name, "security.capability");
		CHECK(entry.xattrs[0].size == 0);
		CHECK_STR(entry.xattrs[1].name, "user.a");
		CHECK(entry.xattrs[1].size == 1 && memcmp(entry.xattrs[1].value, "1", 1) == 0);
	}
}

static void test_holes(void)
{
	const struct erofs_params params = {.build_time = FIRST_MTIME};
	AUTO_BUF struct buf text = BUF_INIT(1024 * 1024);
	const struct erofs_sink sink = {put_text, put_hole, &text};
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	struct erofs_writer *writer = erofs_writer_new(fd, &params);
	struct erofs_entry entry = {.path = "f", .mode = S_IFREG, .size = 262144 + 5};
	uint64_t nid;
	struct err err;

	TEST("holes are told as such");
	CHECK(erofs_add(writer, &entry, &err) == 0);
	CHECK(erofs_write_hole(writer, 262144, &err) == 0);
	CHECK(erofs_write_data(writer, "hello", 5, &err) == 0);
	CHECK(erofs_finish(writer, &err) == 0);
	erofs_writer_free(writer);
	CHECK(erofs_reader_open(fd, &reader, &err) == 0);
	CHECK(erofs_reader_lookup(reader, "f", &nid, &err) == 0);
	CHECK(erofs_reader_data(reader, nid, &sink, &err) == 0);
	CHECK_STR(text.ptr, "[65536][65536][65536][65536]hello");
}

/* Why the image with `value` at `offset` of its superblock is refused. */
static const char *refusal(int fd, size_t offset, uint32_t value)
{
	static struct err err;
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_FD int bad = memfd_create("bad", MFD_CLOEXEC);
	char bytes[64 * 1024] = {0}, *super = bytes + EROFS_SUPER_OFFSET;
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
	uint32_t checksum = 0;

	value = htole32(value);
	memcpy(super + offset, &value, sizeof(value));
	if (offset != offsetof(struct erofs_super, checksum)) {
		memcpy(super + offsetof(struct erofs_super, checksum), &checksum, sizeof(checksum));
		checksum = htole32(erofs_checksum(super));
		memcpy(super + offsetof(struct erofs_super, checksum), &checksum, sizeof(checksum));
	}
	CHECK(write(bad, bytes, (size_t)size) == size);
	err.msg[0] = '\0';
	CHECK(erofs_reader_open(bad, &reader, &err) < 0 && err.code == ERR_PROTOCOL);
	return err.msg;
}

static void test_damaged(int fd)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_BUF struct buf list = BUF_INIT(1024);
	AUTO_FD int empty = memfd_create("empty", MFD_CLOEXEC);
	struct err err;

	TEST("a superblock that does not hold is refused");
	CHECK_STR(refusal(fd, offsetof(struct erofs_super, magic), 0),
		  "damaged EROFS image: it does not begin as one");
	CHECK_STR(refusal(fd, offsetof(struct erofs_super, checksum), 0),
		  "damaged EROFS image: the checksum of its first block is wrong");
	CHECK_STR(refusal(fd, offsetof(struct erofs_super, feature_incompat), 1),
		  "damaged EROFS image: it uses features that are not supported");
	CHECK(strstr(refusal(fd, offsetof(struct erofs_super, block_count), 1u << 31),
		     "blocks are more than its"));
	CHECK(strstr(refusal(fd, offsetof(struct erofs_super, block_bits), 12 | 0xffffu << 16),
		     "inode 65535 lies outside"));
	CHECK(erofs_reader_open(empty, &reader, &err) < 0);
	CHECK_STR(err.msg, "damaged EROFS image: it has only 0 bytes");

	TEST("an image that is cut while it is read is an error");
	CHECK(erofs_reader_open(fd, &reader, &err) == 0);
	CHECK(ftruncate(fd, EROFS_BLOCK) == 0);
	CHECK(erofs_reader_walk(reader, list_entry, &list, &err) < 0 && err.code == ERR_PROTOCOL);
}

int main(void)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_FD int fd = make_image();
	struct err err;

	if (erofs_reader_open(fd, &reader, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	test_walk(reader);
	test_lookup(reader);
	test_entries(reader);
	test_holes();
	test_damaged(fd);
	return tap_done();
}
