// SPDX-License-Identifier: MIT
#include "base/sealed.h"

#include "base/auto.h"
#include "base/tap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void whole(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(16);
	AUTO_FD int fd = -1;
	struct err err;

	TEST("what was put in is read, from the beginning, however often");
	CHECK(sealed_new("t", VIEW_LIT("a\0b"), &fd, &err) == 0);
	CHECK(sealed_read(fd, &buf, "text", &err) == 0);
	CHECK(sealed_read(fd, &buf, "text", &err) == 0);
	CHECK(buf.len == 6 && memcmp(buf.ptr, "a\0ba\0b", 6) == 0);

	TEST("nobody can change it any more");
	CHECK(pwrite(fd, "x", 1, 0) < 0);
	CHECK(ftruncate(fd, 1) < 0);
}

static void limits(void)
{
	AUTO_BUF struct buf small = BUF_INIT(2);
	AUTO_FD int fd = -1;
	struct err err;

	TEST("more than the buf takes is an error");
	CHECK(sealed_new("t", VIEW_LIT("abc"), &fd, &err) == 0);
	CHECK(sealed_read(fd, &small, "text", &err) < 0);
	CHECK(err.code == ERR_LIMIT);
}

static void others(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(16);
	AUTO_FD int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD int open_memory = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ends[2];
	struct err err;

	TEST("a file, a pipe and memory that is open to changes are refused, without waiting");
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(sealed_read(file, &buf, "text", &err) < 0 && err.code == ERR_PROTOCOL);
	CHECK(sealed_read(ends[0], &buf, "text", &err) < 0 && err.code == ERR_PROTOCOL);
	CHECK(sealed_read(open_memory, &buf, "text", &err) < 0 && err.code == ERR_PROTOCOL);
	CHECK(buf.len == 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	whole();
	limits();
	others();
	return tap_done();
}
