// SPDX-License-Identifier: MIT
/*
 * Disks: see disks.h.  The n-th disk of the list is the n-th virtio block device in the order of
 * the bus.  Only slots in use are bound to their driver, since each costs time.
 *
 * Failure modes: fewer devices than disks, a device without its driver, a file system that does not
 * mount: the set-up fails and names the disk by its number.
 */
#include "guest/disks.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "guest/console.h"
#include "guest/fs.h"
#include "guest/layout.h"
#include "guest/virtio.h"
#include "wire/agent.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { NODE_DEADLINE_MS = 5000, PATH_SIZE = 128 };

/* --- from the n-th disk to its node --- */

/* The name of the block device of virtio device `number` ("vda"), malloc'ed, or NULL. */
static char *block_name(unsigned number)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	char *name = NULL;
	DIR *dir;

	snprintf(path, sizeof(path), VIRTIO_DEVICES "/virtio%u/block", number);
	dir = opendir(path);
	while (dir && !name && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			name = xstrdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return name;
}

/* "/dev/vda" of virtio device `number`, malloc'ed, once it is there. */
static int wait_for_node(unsigned number, char **ret_node, struct err *err)
{
	const struct timespec step = {.tv_nsec = 1000 * 1000};
	uint64_t deadline = clock_monotonic_ms() + NODE_DEADLINE_MS;

	if (virtio_bind(VIRTIO_BLK, number, err) < 0)
		return -1;
	for (;;) {
		AUTO_FREE char *name = block_name(number);
		AUTO_FREE char *node = name ? xasprintf("/dev/%s", name) : NULL;

		if (node && access(node, F_OK) == 0) {
			*ret_node = STEAL(node);
			return 0;
		}
		if (clock_monotonic_ms() > deadline)
			return err_set(err, ERR_TIMEOUT, "virtio%u does not become a block device",
				       number);
		nanosleep(&step, NULL);
	}
}

/* --- mounting --- */

struct mounting {
	size_t layers;
	bool upper;
};

static int mount_at(const char *node, const char *target, const char *type, bool read_only,
		    struct err *err)
{
	const struct fs_mount m = {
		.source = node,
		.target = target,
		.type = type,
		.flags = read_only ? MS_RDONLY : 0,
		/* The thread that zeroes inode tables in the background would only cost time. */
		.data = strcmp(type, "ext4") == 0 && !read_only ? "noinit_itable" : NULL,
	};

	return fs_mount_all(&m, 1, err);
}

static int mount_disk(const struct agent_disk *disk, size_t index, const char *node,
		      struct mounting *mounting, struct err *err)
{
	struct utsname host;
	char path[PATH_SIZE];

	switch (disk->role) {
	case AGENT_DISK_UNUSED:
		return 0;
	case AGENT_DISK_MODULES:
		uname(&host);
		snprintf(path, sizeof(path), GUEST_HELPERS GUEST_MODULES "/%s", host.release);
		return mount_at(node, path, "erofs", true, err);
	case AGENT_DISK_LAYER:
		snprintf(path, sizeof(path), GUEST_LAYER_FMT, mounting->layers++);
		return mount_at(node, path, "erofs", true, err);
	case AGENT_DISK_UPPER:
		if (mounting->upper)
			return err_set(err, ERR_INVALID, "a second writable layer");
		mounting->upper = true;
		return mount_at(node, GUEST_UPPER, "ext4", false, err);
	case AGENT_DISK_DATA:
		if (!disk->path || disk->path[0] != '/')
			return err_set(err, ERR_INVALID, "mount point '%s' is not absolute",
				       disk->path ? disk->path : "");
		snprintf(path, sizeof(path), GUEST_DATA_FMT, index);
		return mount_at(node, path, "ext4", disk->read_only, err);
	}
	return err_set(err, ERR_INVALID, "unknown role %d", (int)disk->role);
}

static int mount_overlay(const struct mounting *mounting, struct err *err)
{
	AUTO_BUF struct buf options = BUF_INIT(PATH_SIZE * LIMIT_DISKS);
	struct fs_mount m = {.source = "overlay", .target = GUEST_ROOT, .type = "overlay"};

	if (mounting->layers == 0 || !mounting->upper)
		return err_set(err, ERR_INVALID, "the list of disks has no %s",
			       mounting->upper ? "image layer" : "writable layer");
	if (fs_mkdirs(GUEST_UPPER "/upper", 0755, err) < 0 ||
	    fs_mkdirs(GUEST_UPPER "/work", 0755, err) < 0)
		return -1;
	buf_puts(&options, "upperdir=" GUEST_UPPER "/upper,workdir=" GUEST_UPPER "/work,lowerdir=");
	for (size_t i = mounting->layers; i-- > 0;)
		buf_printf(&options, GUEST_LAYER_FMT "%s", i, i > 0 ? ":" : "");
	m.data = options.ptr;
	return fs_mount_all(&m, 1, err);
}

int disks_mount(const struct agent_disk *disks, size_t count, struct err *err)
{
	unsigned numbers[VIRTIO_MAX];
	size_t devices = virtio_list(VIRTIO_BLK, numbers);
	struct mounting mounting = {0};

	if (count > devices)
		return err_set(err, ERR_INVALID, "the host speaks of %zu disks, the VM has %zu",
			       count, devices);
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *node = NULL;

		if (disks[i].role == AGENT_DISK_UNUSED)
			continue;
		if (wait_for_node(numbers[i], &node, err) < 0 ||
		    mount_disk(&disks[i], i, node, &mounting, err) < 0)
			return err_wrap(err, "disk %zu", i);
	}
	return mount_overlay(&mounting, err);
}

/* --- the end --- */

static int unmount_one(const char *path, struct err *err)
{
	if (umount2(path, 0) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	console_log("unmount '%s': %s", path, strerror(errno));
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return err_sys(err, errno, "make '%s' read-only", path);
	return 0;
}

int disks_unmount(const struct agent_disk *disks, size_t count, struct err *err)
{
	int result = 0;

	for (size_t i = count; i-- > 0;) {
		char path[PATH_SIZE];

		if (disks[i].role != AGENT_DISK_DATA || disks[i].read_only)
			continue;
		snprintf(path, sizeof(path), GUEST_DATA_FMT, i);
		if (unmount_one(path, err) < 0)
			result = -1;
	}
	if (unmount_one(GUEST_ROOT, err) < 0 || unmount_one(GUEST_UPPER, err) < 0)
		result = -1;
	return result;
}
