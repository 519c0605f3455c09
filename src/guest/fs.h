// SPDX-License-Identifier: MIT
/* Directories, mounts and the small files of the kernel. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One mount.  `mode` is that of the mount point if it has to be made. */
struct fs_mount {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
	mode_t mode;
	bool optional; /* the kernel may lack it: go on without */
};

/* Makes `path`, which is absolute, and its missing parents (0755; the last with `mode`).  What
 * exists is left alone; of a link that leads nowhere the target is made. */
int fs_mkdirs(const char *path, mode_t mode, struct err *err);

/* Makes the mount points and mounts, in order. */
int fs_mount_all(const struct fs_mount *mounts, size_t count, struct err *err);

/* Writes `text` to a file that exists (of procfs, sysfs, cgroupfs) by one write(2). */
int fs_write(const char *path, const char *text, struct err *err);

/* The first line of a short file, without its newline; "" when it cannot be read. */
void fs_read_line(const char *path, char *ret_text, size_t size);
