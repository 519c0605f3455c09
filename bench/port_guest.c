// SPDX-License-Identifier: MIT
/*
 * The peer of bench/channel: PID 1 of a VM that does nothing but move bytes through the bare port,
 * so that ours can be compared with what the carrier gives.  Loads the boot modules, opens the port
 * and serves requests of 9 bytes, a letter and a little-endian u64:
 *
 *	f	makes a file of so many bytes in tmpfs, answers one byte
 *	o	so many bytes out of that file: read(2) of 64 KiB, write(2) to the port, as an echo
 *		does that has its bytes from elsewhere, and as `cat FILE` does in ours
 *	i	reads so many bytes and drops them, answers one byte
 *	e	echoes so many bytes, each piece as it comes
 *	q	powers off
 *
 * With "off" on the kernel's command line it powers off at once: the bare boot that bench/cold
 * compares with.
 */
#include "bare_guest.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 65536 };

static char piece[PIECE];

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

static size_t read_piece(int fd, uint64_t count)
{
	ssize_t got = read(fd, piece, count < PIECE ? count : PIECE);

	if (got <= 0)
		bare_guest_power_off("read");
	return (size_t)got;
}

static void write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, at, len);

		if (done <= 0)
			bare_guest_power_off("write");
		at += done;
		len -= (size_t)done;
	}
}

static void make_file(int port, int file, uint64_t count)
{
	memset(piece, 'x', sizeof(piece));
	for (; count >= PIECE; count -= PIECE)
		write_all(file, piece, PIECE);
	write_all(file, piece, count);
	write_all(port, "k", 1);
}

static void bytes_in(int port, uint64_t count)
{
	while (count > 0)
		count -= read_piece(port, count);
	write_all(port, "k", 1);
}

/* From `from` to the port. */
static void copy(int from, int port, uint64_t count)
{
	while (count > 0) {
		size_t len = read_piece(from, count);

		write_all(port, piece, len);
		count -= len;
	}
}

static void serve(int port, int file)
{
	for (;;) {
		char request[9];
		uint64_t count;

		for (size_t at = 0; at < sizeof(request); at++) {
			if (read(port, request + at, 1) != 1)
				bare_guest_power_off("request");
		}
		memcpy(&count, request + 1, sizeof(count));
		count = le64toh(count);
		lseek(file, 0, SEEK_SET);
		if (request[0] == 'f')
			make_file(port, file, count);
		else if (request[0] == 'o')
			copy(file, port, count);
		else if (request[0] == 'i')
			bytes_in(port, count);
		else if (request[0] == 'e')
			copy(port, port, count);
		else
			bare_guest_power_off(NULL);
	}
}

int main(void)
{
	char cmdline[4096] = "";
	int fd, file;

	mkdir("/proc", 0555);
	mkdir("/dev", 0755);
	mkdir("/data", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		bare_guest_power_off("cmdline");
	close(fd);
	if (strstr(cmdline, " off"))
		bare_guest_power_off(NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("data", "/data", "tmpfs", 0, NULL);
	bare_guest_load_modules();
	fd = open_port();
	file = open("/data/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || file < 0)
		bare_guest_power_off("port or file");
	serve(fd, file);
}
