// SPDX-License-Identifier: MIT
#include "api/disk_mount.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <string.h>

static void check_mount(const char *text, const char *host, const char *guest, bool read_only)
{
	AUTO(disk_mount_done) struct disk_mount mount = {0};
	struct err err = {0};

	CHECK(disk_mount_parse(text, &mount, &err) == 0);
	CHECK_STR(mount.host_path ? mount.host_path : err.msg, host);
	CHECK_STR(mount.guest_mount ? mount.guest_mount : "", guest);
	CHECK(mount.read_only == read_only);
}

static void check_error(const char *text, const char *start)
{
	AUTO(disk_mount_done) struct disk_mount mount = {0};
	struct err err = {0};

	CHECK(disk_mount_parse(text, &mount, &err) < 0);
	err.msg[strlen(start)] = '\0';
	CHECK_STR(err.msg, start);
}

static void test_order(void)
{
	struct disk_mount mounts[] = {
		{.guest_mount = (char *)"/data/in"},
		{.guest_mount = (char *)"/b"},
		{.guest_mount = (char *)"/data"},
	};
	struct err err;

	TEST("a folder is mounted before what lies in it");
	CHECK(disk_mounts_order(NULL, 0, &err) == 0);
	CHECK(disk_mounts_order(mounts, 3, &err) == 0);
	CHECK_STR(mounts[1].guest_mount, "/data");
	CHECK_STR(mounts[2].guest_mount, "/data/in");

	TEST("no two at one place");
	mounts[0].guest_mount = mounts[2].guest_mount;
	CHECK(disk_mounts_order(mounts, 3, &err) < 0);
	CHECK_STR(err.msg, "two disks are to be mounted at \"/data/in\"");
}

int main(void)
{
	AUTO_FREE char *long_path = xcalloc(LIMIT_GUEST_PATH + 5, 1);

	TEST("files and volumes, read-only or not");
	check_mount("disk.img:/data", "disk.img", "/data", false);
	check_mount("@v:/var/lib/a-b_c.d:ro", "@v", "/var/lib/a-b_c.d", true);
	check_mount("/a b/c:/x:ReadOnly", "/a b/c", "/x", true);
	check_mount("@:/x", "@", "/x", false);

	TEST("the place in the guest loses what means nothing");
	check_mount("a://x//y/", "a", "/x/y", false);

	TEST("what is no disk");
	check_error("", "expected FILE:GUEST or @VOLUME:GUEST");
	check_error("a", "expected ");
	check_error(":/x", "expected ");
	check_error("a:/x:ro:ro", "expected ");
	check_error("a:/x:rw", "unknown disk option \"rw\" (use \"ro\")");
	check_error("a:/x:", "unknown disk option \"\" (use \"ro\")");
	check_error("a:x", "invalid guest mount path \"x\": ");
	check_error("a:", "invalid guest mount path \"\": ");
	check_error("a:/", "invalid guest mount path \"/\": ");
	check_error("a:/..", "invalid guest mount path \"/..\": ");
	check_error("a:/x/../y", "invalid guest mount path ");
	check_error("a:/./", "invalid guest mount path ");
	check_error("a:/x y", "invalid guest mount path ");
	check_error("a:/x\n", "invalid guest mount path ");
	memset(long_path, '/', LIMIT_GUEST_PATH + 4);
	memcpy(long_path, "a:/x", 4);
	check_error(long_path, "invalid guest mount path ");
	test_order();
	return tap_done();
}
