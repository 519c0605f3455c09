// SPDX-License-Identifier: MIT
/* The VM's disks: modules, image layers, writable layer, data.  Mount points: guest/layout.h. */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct agent_disk;

/* Mounts all disks of the list and the overlay that becomes the container's root.  ERR_INVALID when
 * the list lacks what a root needs; the text names the disk. */
int disks_mount(const struct agent_disk *disks, size_t count, struct err *err);

/* Unmounts all that may be written, in order, after the container has ended.  What is busy is
 * made read-only instead, which writes it out as well. */
int disks_unmount(const struct agent_disk *disks, size_t count, struct err *err);
