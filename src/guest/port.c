// SPDX-License-Identifier: MIT
/*
 * Finding the control port: see port.h.  The device announces its ports by messages, so node and
 * "host is connected" come a little after the driver; both are polled, which costs nothing beside
 * the boot itself.  A read from a port whose host end is not open yet would look like an end of
 * file: hence the second wait.
 */
#include "guest/port.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "guest/fs.h"
#include "guest/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLL_STEP_NS = 500 * 1000 };

/* "/dev/vport0p1" for the port `name`, or NULL. */
static char *find_node(const char *name)
{
	DIR *dir = opendir(GUEST_SYSFS_PORTS);
	struct dirent *entry;
	char *node = NULL;

	while (dir && !node && (entry = readdir(dir))) {
		AUTO_FREE char *path = xasprintf("%s/%s/name", GUEST_SYSFS_PORTS, entry->d_name);
		char text[64];

		fs_read_line(path, text, sizeof(text));
		if (strcmp(text, name) == 0)
			node = xasprintf("/dev/%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return node;
}

static bool host_is_connected(int fd)
{
	struct pollfd port = {.fd = fd, .events = POLLOUT};

	return poll(&port, 1, 0) >= 0 && !(port.revents & POLLHUP);
}

int port_open(const char *name, unsigned timeout_ms, int *ret_fd, struct err *err)
{
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;
	const struct timespec step = {.tv_nsec = POLL_STEP_NS};
	AUTO_FD int fd = -1;

	for (;;) {
		AUTO_FREE char *node = fd < 0 ? find_node(name) : NULL;

		if (node)
			fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (node && fd < 0 && errno != ENOENT)
			return err_sys(err, errno, "open port '%s' (%s)", name, node);
		if (fd >= 0 && host_is_connected(fd)) {
			*ret_fd = STEAL_FD(fd);
			return 0;
		}
		if (clock_monotonic_ms() > deadline)
			return err_set(err, ERR_TIMEOUT, "port '%s' %s", name,
				       fd < 0 ? "did not appear" : "was not opened by the host");
		nanosleep(&step, NULL);
	}
}

void port_wait_writable(int fd, int timeout_ms)
{
	struct pollfd port = {.fd = fd, .events = POLLOUT};

	poll(&port, 1, timeout_ms);
}
