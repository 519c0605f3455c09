// SPDX-License-Identifier: MIT
/*
 * The container's root: see rootfs.h.
 *
 * What is to be seen in the container but lives outside (terminals, modules, data disks) is taken
 * as detached mounts first; then the root is changed and the old one dropped; then everything is
 * attached by path.  So a path of the image, with whatever links are in it, is only ever resolved
 * inside the image.
 *
 * Failure modes: any mount that is not marked optional, a directory that cannot be made: the set-up
 * fails by the name of the path.
 */
#include "guest/rootfs.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "guest/etc_files.h"
#include "guest/fs.h"
#include "guest/layout.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A mount that is on its way into the container. */
struct passenger {
	int tree_fd; /* detached */
	char *target;
};

struct passengers {
	struct passenger list[LIMIT_DISKS + 1];
	size_t count;
};

#define HIDDEN (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct fs_mount proc_mounts[] = {
	{.source = "proc", .target = "/proc", .type = "proc", .flags = HIDDEN, .mode = 0555},
	{.source = "sysfs", .target = "/sys", .type = "sysfs", .flags = HIDDEN, .mode = 0555},
	{.source = "cgroup2", .target = GUEST_CGROUP, .type = "cgroup2", .flags = HIDDEN},
	{.source = "bpf",
	 .target = "/sys/fs/bpf",
	 .type = "bpf",
	 .flags = HIDDEN,
	 .data = "mode=0700",
	 .optional = true},
	{.source = "tmpfs",
	 .target = "/run",
	 .type = "tmpfs",
	 .flags = MS_NOSUID | MS_NODEV,
	 .data = "mode=0755"},
};

static const struct fs_mount own_dev = {
	.source = "tmpfs",
	.target = "/dev",
	.type = "tmpfs",
	.flags = MS_NOSUID | MS_STRICTATIME,
	.data = "mode=0755,size=65536k",
};

static const struct fs_mount all_dev = {
	.source = "devtmpfs",
	.target = "/dev",
	.type = "devtmpfs",
	.flags = MS_NOSUID,
};

static const struct fs_mount dev_mounts[] = {
	{.source = "shm",
	 .target = "/dev/shm",
	 .type = "tmpfs",
	 .flags = HIDDEN,
	 .data = "mode=1777",
	 .mode = 01777},
	{.source = "mqueue",
	 .target = "/dev/mqueue",
	 .type = "mqueue",
	 .flags = HIDDEN,
	 .optional = true},
};

/* Devices of every container.  fuse, tun and loop need not be loaded: opening them loads them. */
static const struct {
	const char *path;
	mode_t mode;
	unsigned major, minor;
	gid_t gid;
} nodes[] = {
	{"/dev/null", S_IFCHR | 0666, 1, 3, 0},
	{"/dev/zero", S_IFCHR | 0666, 1, 5, 0},
	{"/dev/full", S_IFCHR | 0666, 1, 7, 0},
	{"/dev/random", S_IFCHR | 0666, 1, 8, 0},
	{"/dev/urandom", S_IFCHR | 0666, 1, 9, 0},
	{"/dev/tty", S_IFCHR | 0666, 5, 0, 0},
	{"/dev/fuse", S_IFCHR | 0666, 10, 229, 0},
	{"/dev/net/tun", S_IFCHR | 0666, 10, 200, 0},
	{"/dev/loop-control", S_IFCHR | 0660, 10, 237, 6},
	{"/dev/loop0", S_IFBLK | 0660, 7, 0, 6},
	{"/dev/loop1", S_IFBLK | 0660, 7, 1, 6},
	{"/dev/loop2", S_IFBLK | 0660, 7, 2, 6},
	{"/dev/loop3", S_IFBLK | 0660, 7, 3, 6},
	{"/dev/loop4", S_IFBLK | 0660, 7, 4, 6},
	{"/dev/loop5", S_IFBLK | 0660, 7, 5, 6},
	{"/dev/loop6", S_IFBLK | 0660, 7, 6, 6},
	{"/dev/loop7", S_IFBLK | 0660, 7, 7, 6},
};

static const struct {
	const char *path, *target;
} links[] = {
	{"/dev/fd", "/proc/self/fd"},	    {"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/core", "/proc/kcore"},	    {"/dev/ptmx", "pts/ptmx"},
};

/* Takes a copy of the mount at `path` of the agent's root along; `target` is malloc'ed. */
static int take_along(struct passengers *p, const char *path, char *target, struct err *err)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	p->list[p->count++] = (struct passenger){fd, target};
	if (fd < 0)
		return err_sys(err, errno, "take mount '%s' along", path);
	return 0;
}

static int collect(const struct agent_setup *setup, struct passengers *p, struct err *err)
{
	struct utsname host;

	uname(&host);
	if (take_along(p, GUEST_PTS, xstrdup("/dev/pts"), err) < 0)
		return -1;
	for (size_t i = 0; i < setup->disk_count; i++) {
		const struct agent_disk *disk = &setup->disks[i];
		AUTO_FREE char *path = NULL;
		char *target = NULL;

		if (disk->role == AGENT_DISK_DATA) {
			path = xasprintf(GUEST_DATA_FMT, i);
			target = xstrdup(disk->path);
		} else if (disk->role == AGENT_DISK_MODULES) {
			path = xasprintf(GUEST_HELPERS GUEST_MODULES "/%s", host.release);
			target = xasprintf(GUEST_MODULES "/%s", host.release);
		}
		if (path && take_along(p, path, target, err) < 0)
			return -1;
	}
	return 0;
}

static int attach(struct passengers *p, struct err *err)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct passenger *one = &p->list[i];

		if (fs_mkdirs(one->target, 0755, err) < 0)
			return -1;
		if (move_mount(one->tree_fd, "", AT_FDCWD, one->target, MOVE_MOUNT_F_EMPTY_PATH) <
		    0)
			return err_sys(err, errno, "mount '%s'", one->target);
	}
	return 0;
}

static void passengers_done(struct passengers *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].tree_fd >= 0)
			close(p->list[i].tree_fd);
		free(p->list[i].target);
	}
}

/* The new root is stacked on the old one, and the old one, now below it, is dropped with all its
 * mounts. */
static int change_root(struct err *err)
{
	if (chdir(GUEST_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, errno, "change root to the image");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "drop the old root");
	return 0;
}

static int make_devices(struct err *err)
{
	if (fs_mkdirs("/dev/net", 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (mknod(nodes[i].path, nodes[i].mode, makedev(nodes[i].major, nodes[i].minor)) <
		    0) {
			if (errno == EEXIST)
				continue;
			return err_sys(err, errno, "make '%s'", nodes[i].path);
		}
		if (nodes[i].gid && lchown(nodes[i].path, 0, nodes[i].gid) < 0)
			return err_sys(err, errno, "change owner of '%s'", nodes[i].path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
			return err_sys(err, errno, "link '%s'", links[i].path);
	}
	return 0;
}

/* /tmp stays on the disk.  A link of the image is left alone: it leads where the image wants. */
static int open_tmp(struct err *err)
{
	struct stat st;

	if (fs_mkdirs("/tmp", 01777, err) < 0)
		return -1;
	if (lstat("/tmp", &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) != 01777 &&
	    chmod("/tmp", 01777) < 0)
		return err_sys(err, errno, "open '/tmp' to all users");
	return 0;
}

int rootfs_enter(const struct agent_setup *setup, unsigned *ret_etc, struct err *err)
{
	AUTO(passengers_done) struct passengers p = {.count = 0};

	umask(0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "make mounts private");
	if (collect(setup, &p, err) < 0 || change_root(err) < 0)
		return -1;
	if (fs_mount_all(proc_mounts, ARRAY_SIZE(proc_mounts), err) < 0 ||
	    fs_mount_all(setup->privileged ? &all_dev : &own_dev, 1, err) < 0 ||
	    fs_mount_all(dev_mounts, ARRAY_SIZE(dev_mounts), err) < 0 || make_devices(err) < 0)
		return -1;
	umask(022);
	if (attach(&p, err) < 0 || open_tmp(err) < 0 || etc_files_write(setup, ret_etc, err) < 0)
		return -1;
	return 0;
}
