// SPDX-License-Identifier: MIT
/* The container's view of the file system. */
#pragma once

#include "base/err.h"

struct agent_setup;

/* In the container's init, in new mount, PID and cgroup namespaces: makes the overlay the root,
 * with nothing of the agent's root left behind it, and mounts and writes all that belongs there.
 * *ret_etc: bits of the files below /etc that are ours (guest/etc_files.h). */
int rootfs_enter(const struct agent_setup *setup, unsigned *ret_etc, struct err *err);
