// SPDX-License-Identifier: MIT
/* File systems made by mke2fs, and superblocks that a guest may have left behind. */
#include "state/ext4.h"

#include "base/fd.h"
#include "state/test_home.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char *path;
static struct err err;

/* What ext4_check() says of the file after `len` bytes of its superblock were changed. */
static const char *verdict(off_t at, const void *bytes, size_t len, bool read_only)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	char before[8];
	int status;

	if (pread(fd, before, len, 1024 + at) != (ssize_t)len ||
	    pwrite(fd, bytes, len, 1024 + at) != (ssize_t)len)
		abort();
	status = ext4_check(fd, path, read_only, &err);
	if (pwrite(fd, before, len, 1024 + at) != (ssize_t)len)
		abort();
	return status == 0 ? "ok" : err.msg + strlen(path) + 3;
}

static void test_sound(void)
{
	struct stat st;

	TEST("both kinds are made, of the size that was asked for, and take little space");
	for (int use = EXT4_SCRATCH; use <= EXT4_KEPT; use++) {
		CHECK(unlink(path) == 0 || use == EXT4_SCRATCH);
		CHECK(ext4_format(path, 64, use, &err) == 0);
		CHECK(stat(path, &st) == 0 && st.st_size == 64 << 20);
		CHECK(st.st_blocks * 512 < 2 << 20);
		CHECK_STR(verdict(0, "", 0, false), "ok");
		CHECK_STR(verdict(0, "", 0, true), "ok");
	}

	TEST("a size that is none");
	CHECK(ext4_format(path, 0, EXT4_KEPT, &err) < 0);
	CHECK(ext4_format(path, 64, EXT4_KEPT, &err) == 0);
}

static void test_unsound(void)
{
	static const char none[] = "is no ext4 file system: 'matchlock volume create' makes one, "
				   "and so does mkfs.ext4";
	static const char shorter[] = "is shorter than the file system in it: a part is missing";

	TEST("what is no superblock");
	CHECK_STR(verdict(0x38, "\x52", 1, false), none);
	CHECK_STR(verdict(0x18, "\xff\xff\xff\xff", 4, false), none);
	CHECK_STR(verdict(0x18, "\x07\0\0\0", 4, false), none);

	TEST("more blocks than the file has");
	CHECK_STR(verdict(0x4, "\xff\xff\xff\xff", 4, false), shorter);
	CHECK_STR(verdict(0x150, "\xff\xff\xff\xff", 4, false), shorter);
	CHECK_STR(verdict(0x18, "\x06\0\0\0", 4, false), shorter);

	TEST("a journal to be replayed takes writing");
	CHECK_STR(verdict(0x60, "\xc6", 1, false), "ok");
	CHECK(strncmp(verdict(0x60, "\xc6", 1, true), "was not unmounted", 17) == 0);

	TEST("files that end early");
	CHECK(truncate(path, 2047) == 0);
	CHECK_STR(verdict(0, "", 0, false), none);
	CHECK(truncate(path, 0) == 0);
	CHECK_STR(verdict(0, "", 0, false), none);
}

int main(void)
{
	char *home = test_home_new();

	path = path_join(home, "disk");
	test_sound();
	test_unsound();
	free(path);
	test_home_done(home);
	return tap_done();
}
