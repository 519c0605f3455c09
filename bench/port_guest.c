// SPDX-License-Identifier: MIT
/*
 * The peer of bench/channel: PID 1 of a VM that does nothing but move bytes through the bare port,
 * so that ours can be compared with what the carrier gives.  Loads the boot modules, opens the port
 * and serves requests of 9 bytes: 'i' and a little-endian u64 (reads as many, answers one byte),
 * 'o' and a u64 (writes as many), 'q' (powers off).  With "off" on the kernel's command line it
 * powers off at once: the bare boot that bench/cold compares with.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECE = 65536 };

static char piece[PIECE];

static void power_off(const char *why)
{
	if (why) {
		perror(why);
		fflush(stderr);
	}
	sync();
	reboot(RB_AUTOBOOT);
}

static void load_modules(void)
{
	char name[128], path[160];
	FILE *order = fopen("/modules/order", "re");

	while (order && fgets(name, sizeof(name), order)) {
		int fd;

		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/modules/%s.ko", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			fprintf(stderr, "module %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (order)
		fclose(order);
}

static int open_port(void)
{
	int fd = -1;

	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(1000); /* the node appears when the device has been probed */
	}
	return fd;
}

static void read_all(int fd, char *at, size_t len)
{
	while (len > 0) {
		ssize_t got = read(fd, at, len);

		if (got <= 0)
			power_off("read");
		at += got;
		len -= (size_t)got;
	}
}

static void bytes_in(int fd, uint64_t count)
{
	while (count > 0) {
		ssize_t got = read(fd, piece, count < PIECE ? count : PIECE);

		if (got <= 0)
			power_off("read");
		count -= (uint64_t)got;
	}
	if (write(fd, "k", 1) != 1)
		power_off("write");
}

static void bytes_out(int fd, uint64_t count)
{
	while (count > 0) {
		ssize_t done = write(fd, piece, count < PIECE ? count : PIECE);

		if (done <= 0)
			power_off("write");
		count -= (uint64_t)done;
	}
}

int main(void)
{
	char cmdline[4096] = "", request[9];
	int fd;

	mkdir("/proc", 0555);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		power_off("cmdline");
	close(fd);
	if (strstr(cmdline, " off"))
		power_off(NULL);
	load_modules();
	fd = open_port();
	if (fd < 0)
		power_off("port");
	for (;;) {
		uint64_t count;

		read_all(fd, request, sizeof(request));
		memcpy(&count, request + 1, sizeof(count));
		count = le64toh(count);
		if (request[0] == 'i')
			bytes_in(fd, count);
		else if (request[0] == 'o')
			bytes_out(fd, count);
		else
			power_off(NULL);
	}
}
