// SPDX-License-Identifier: MIT
/*
 * ram_attack: runs in QEMU's jail in QEMU's place, opens the RAM file as QEMU does and tries all
 * ways to alter it or to reach it with more rights.  A line for each way that was not refused; exit
 * code 0 if the file could be opened and read.  Static, knows nothing of the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PAGE = 4096, FCHMODAT2 = 452 };

static int ram;
static char page[PAGE];

static void report(const char *way, int refused)
{
	if (!refused)
		printf("not refused: %s\n", way);
}

#define TRY(call) report(#call, (long)(call) < 0)

static void try_descriptor(void)
{
	struct iovec io = {page, PAGE};
	off_t zero = 0;
	int flags = FS_NODUMP_FL;

	TRY(write(ram, page, PAGE));
	TRY(pwrite(ram, page, PAGE, 0));
	TRY(writev(ram, &io, 1));
	TRY(ftruncate(ram, 0));
	TRY(fallocate(ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	TRY(copy_file_range(ram, &zero, ram, NULL, PAGE, 0));
	TRY(sendfile(ram, ram, &zero, PAGE));
	TRY(fchmod(ram, 0666));
	/* By number, since the headers do not know it: a later fchmodat(). */
	TRY(syscall(FCHMODAT2, ram, "", 0666, AT_EMPTY_PATH));
	TRY(fchown(ram, getuid(), getgid()));
	TRY(fsetxattr(ram, "user.x", "x", 1, 0));
	TRY(futimens(ram, NULL));
	TRY(ioctl(ram, FS_IOC_SETFLAGS, &flags));
	/* The kernel does not look at the upper half. */
	TRY(syscall(SYS_ioctl, ram, 1UL << 32 | FS_IOC_SETFLAGS, &flags));
	fcntl(ram, F_SETFL, O_RDWR);
	TRY(pwrite(ram, page, PAGE, 0));
}

static void try_memory(void)
{
	void *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ram, 0);

	report("mmap for writing",
	       mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0) == MAP_FAILED);
	TRY(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
	TRY(madvise(shared, PAGE, MADV_REMOVE));
}

static void try_paths(void)
{
	struct open_how how = {.flags = O_RDWR};
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", ram);
	TRY(open(link, O_RDWR));
	TRY(open(link, O_WRONLY));
	TRY(open("/ram", O_WRONLY));
	TRY(open("/ram", O_RDWR | O_CREAT, 0600));
	TRY(open("/ram", O_RDONLY));
	TRY(open("/kernel", O_RDWR));
	TRY(open("/ram/../ram", O_RDWR));
	TRY(open((const char *)1, O_RDWR));
	TRY(openat(ram, "", O_RDWR));
	TRY(syscall(SYS_openat2, AT_FDCWD, "/ram", &how, sizeof(how)));
	TRY(linkat(ram, "", AT_FDCWD, "/new", AT_EMPTY_PATH));
	TRY(syscall(SYS_io_uring_setup, 4, page));
	TRY(chmod("/ram", 0666));
	TRY(truncate("/ram", 0));
}

int main(void)
{
	int again;

	ram = open("/ram", O_RDWR);
	if (ram < 0 || pread(ram, page, PAGE, 0) != PAGE)
		return errno ? errno : 1;
	try_descriptor();
	try_memory();
	try_paths();
	again = open("/ram", O_RDWR | O_TRUNC);
	report("open and truncate", again < 0 || pread(again, page, PAGE, 0) == PAGE);
	report("write after a second open", pwrite(again, page, PAGE, 0) < 0);
	printf("tried\n");
	return 0;
}
