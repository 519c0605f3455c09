// SPDX-License-Identifier: MIT
/* ext4 file systems in files: made by mke2fs, recognised by their superblock. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum ext4_use {
	EXT4_SCRATCH, /* thrown away with its VM: made to be quick to make, cannot grow */
	EXT4_KEPT,
};

/* Formats the file at `path`, which gets `size_mb` and stays sparse.  What was in it is lost.
 * ERR_UNAVAILABLE without mke2fs. */
int ext4_format(const char *path, int64_t size_mb, enum ext4_use use, struct err *err);

/* ERR_INVALID if the open file `path` is no ext4 file system that can be mounted: no superblock, a
 * file that is shorter than its file system; for reading only: a journal that waits to be replayed,
 * which takes writing. */
int ext4_check(int fd, const char *path, bool read_only, struct err *err);
