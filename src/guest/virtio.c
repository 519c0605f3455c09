// SPDX-License-Identifier: MIT
/*
 * The virtio bus: see virtio.h.  It is read and written through sysfs.
 * Failure modes: a driver that is not loaded, or that refuses the device.
 */
#include "guest/virtio.h"

#include "guest/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 128 };

static const char *const drivers[] = {
	[VIRTIO_NET] = "/sys/bus/virtio/drivers/virtio_net/bind",
	[VIRTIO_BLK] = "/sys/bus/virtio/drivers/virtio_blk/bind",
};

size_t virtio_list(enum virtio_kind kind, unsigned ret_numbers[VIRTIO_MAX])
{
	size_t count = 0;

	for (unsigned n = 0; n < VIRTIO_MAX; n++) {
		char path[PATH_SIZE], id[16];

		snprintf(path, sizeof(path), VIRTIO_DEVICES "/virtio%u/device", n);
		fs_read_line(path, id, sizeof(id));
		if (strtoul(id, NULL, 16) == kind)
			ret_numbers[count++] = n;
	}
	return count;
}

int virtio_bind(enum virtio_kind kind, unsigned number, struct err *err)
{
	char path[PATH_SIZE], device[16];

	snprintf(path, sizeof(path), VIRTIO_DEVICES "/virtio%u/driver", number);
	if (access(path, F_OK) == 0)
		return 0;
	snprintf(device, sizeof(device), "virtio%u", number);
	return fs_write(drivers[kind], device, err);
}
