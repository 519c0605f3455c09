// SPDX-License-Identifier: MIT
/* Kernel and initramfs: see boot_files.h.  A file that is not there is named with its variable. */
#include "sandbox/boot_files.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int open_kernel(int *ret_fd, struct err *err)
{
	const char *override = getenv("MATCHLOCK_KERNEL");
	AUTO_FREE char *path = NULL;
	int fd;

	if (override && *override)
		path = xstrdup(override);
	else if (path_artefact("kernel", &path, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open kernel '%s'%s", path,
			       override && *override ? " (MATCHLOCK_KERNEL)" : "");
	*ret_fd = fd;
	return 0;
}

int boot_files_open(struct boot_files *ret_files, struct err *err)
{
	AUTO_FREE char *initramfs = NULL;
	AUTO_FD int kernel_fd = -1;
	AUTO_FD int initramfs_fd = -1;

	if (open_kernel(&kernel_fd, err) < 0 || path_artefact("initramfs", &initramfs, err) < 0)
		return -1;
	initramfs_fd = open(initramfs, O_RDONLY | O_CLOEXEC);
	if (initramfs_fd < 0)
		return err_sys(err, errno, "open '%s'", initramfs);
	*ret_files = (struct boot_files){STEAL_FD(kernel_fd), STEAL_FD(initramfs_fd)};
	return 0;
}

void boot_files_close(struct boot_files *files)
{
	auto_close_(&files->kernel_fd);
	auto_close_(&files->initramfs_fd);
	*files = (struct boot_files)BOOT_FILES_NONE;
}
