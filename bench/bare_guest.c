// SPDX-License-Identifier: MIT
/*
 * See bare_guest.h.  A module that cannot be loaded is told on the console; who needs it fails
 * then.
 */
#include "bare_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

void bare_guest_power_off(const char *why)
{
	if (why) {
		perror(why);
		fflush(stderr);
	}
	sync();
	reboot(RB_AUTOBOOT);
}

void bare_guest_load_modules(void)
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
