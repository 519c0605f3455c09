// SPDX-License-Identifier: MIT
/* What a VM boots: the kernel (MATCHLOCK_KERNEL, else the artefact) and the initramfs. */
#pragma once

#include "base/err.h"

struct boot_files {
	int kernel_fd, initramfs_fd;
};
#define BOOT_FILES_NONE                             \
	{                                           \
		.kernel_fd = -1, .initramfs_fd = -1 \
	}

int boot_files_open(struct boot_files *ret_files, struct err *err);
void boot_files_close(struct boot_files *files);
