// SPDX-License-Identifier: MIT
/*
 * Boot of the guest: see init.h.
 *
 * The kernel starts /init with the initramfs as root.  That root cannot be pivoted away from and
 * its files stay in memory, so this program copies itself to a tmpfs, moves the kernel's file
 * systems there, makes it the root, empties the old one and executes the copy.
 *
 * Failure modes: a boot module that does not load is a line on the console (what needs it will
 * fail by name later); everything else ends the VM with a line on the console.
 */
#include "guest/init.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "guest/console.h"
#include "guest/fs.h"
#include "guest/layout.h"
#include "guest/module.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NEW_ROOT "/new"

/* The module up to which the kernel binds devices by itself: the channel's. */
#define LAST_BOUND "virtio_console"

static const struct fs_mount boot_mounts[] = {
	{.source = "proc", .target = "/proc", .type = "proc", .mode = 0555},
	{.source = "sysfs", .target = "/sys", .type = "sysfs", .mode = 0555},
	{.source = "devtmpfs", .target = "/dev", .type = "devtmpfs", .flags = MS_NOSUID},
	{.source = "tmpfs", .target = NEW_ROOT, .type = "tmpfs", .data = "mode=0755"},
};

static const char *const moved[] = {"/proc", "/sys", "/dev"};

/* Without a console the kernel starts init with no descriptors at all; later ones must not become
 * 0 to 2. */
static void fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Drivers are loaded, but no device is bound by the kernel: a template is saved before that, and
 * the agent binds what a VM uses (guest/disks.c). */
static void set_autoprobe(bool on)
{
	struct err err;

	if (fs_write("/sys/bus/virtio/drivers_autoprobe", on ? "1" : "0", &err) < 0)
		console_log("boot: %s", err.msg);
}

static void load_boot_modules(void)
{
	AUTO_BUF struct buf order = BUF_INIT(LIMIT_CONFIG_FILE);
	struct err err;
	char *rest;

	if (fd_read_file(AT_FDCWD, "/modules/order", &order, &err) < 0) {
		console_log("boot modules: %s", err.msg);
		return;
	}
	rest = order.ptr;
	for (char *name = strsep(&rest, "\n"); name; name = strsep(&rest, "\n")) {
		AUTO_FREE char *path = xasprintf("/modules/%s.ko", name);

		if (*name && module_load(path, &err) < 0)
			console_log("boot modules: %s", err.msg);
		if (strcmp(name, LAST_BOUND) == 0)
			set_autoprobe(false);
	}
	set_autoprobe(true);
}

static int copy_self(struct err *err)
{
	AUTO_FD int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = open(NEW_ROOT GUEST_INIT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;
	off_t at = 0;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return err_sys(err, errno, "open guest-init or its copy");
	while (at < st.st_size) {
		if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0)
			return err_sys(err, errno, "copy guest-init");
	}
	return 0;
}

/* What the kernel may start by itself, with a log to complain to. */
static int make_helpers(struct err *err)
{
	if (fs_mkdirs(NEW_ROOT GUEST_HELPERS "/dev", 0755, err) < 0)
		return -1;
	if (link(NEW_ROOT GUEST_INIT, NEW_ROOT GUEST_HELPERS GUEST_MODPROBE) < 0)
		return err_sys(err, errno, "link '%s'", GUEST_MODPROBE);
	if (mknod(NEW_ROOT GUEST_HELPERS "/dev/kmsg", S_IFCHR | 0600, makedev(1, 11)) < 0)
		return err_sys(err, errno, "make the helpers' log");
	return 0;
}

/* Frees the memory of the initramfs: everything of file system `dev` at and below `dir_fd`, which
 * is closed. */
static void remove_old_root(int dir_fd, dev_t dev)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		close(dir_fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(dir_fd, entry->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub >= 0)
				remove_old_root(sub, dev);
		}
		unlinkat(dir_fd, entry->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(dir);
}

static int move_root(struct err *err)
{
	int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (old_root < 0 || fstat(old_root, &st) < 0)
		return err_sys(err, errno, "open the initramfs");
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		AUTO_FREE char *target = xasprintf("%s%s", NEW_ROOT, moved[i]);

		if (fs_mkdirs(target, 0755, err) < 0)
			return -1;
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0)
			return err_sys(err, errno, "move %s", moved[i]);
	}
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return err_sys(err, errno, "change to the root on tmpfs");
	remove_old_root(old_root, st.st_dev);
	return 0;
}

/* The kernel's threads share our root and working directory: those are left to them, among the
 * helpers, and we return to where we were.  Root in a container can name a program for the kernel
 * to start (kernel.core_pattern), but none that it wrote itself. */
static int part_from_kernel(struct err *err)
{
	AUTO_FD int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (here < 0 || chdir(GUEST_HELPERS) < 0 || chroot(".") < 0)
		return err_sys(err, errno, "leave the kernel its helpers");
	if (unshare(CLONE_FS) < 0 || fchdir(here) < 0 || chroot(".") < 0)
		return err_sys(err, errno, "part from the kernel");
	return 0;
}

void init_boot(void)
{
	static char *const agent[] = {(char *)"agent", NULL};
	struct err err;

	if (fs_mount_all(boot_mounts, ARRAY_SIZE(boot_mounts), &err) < 0)
		console_fatal("boot: %s", err.msg);
	fill_stdio();
	load_boot_modules();
	if (copy_self(&err) < 0 || make_helpers(&err) < 0 || move_root(&err) < 0 ||
	    part_from_kernel(&err) < 0)
		console_fatal("boot: %s", err.msg);
	execve(GUEST_INIT, agent, (char *[]){NULL});
	console_fatal("boot: execute the copy of guest-init: %s", strerror(errno));
}
