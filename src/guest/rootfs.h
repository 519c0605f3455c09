// SPDX-License-Identifier: MIT
/* The container's view of the file system. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct agent_setup;

/* In the container's init, in new mount, PID and cgroup namespaces: makes the overlay the root,
 * with nothing of the agent's root left behind it, and mounts and writes all that belongs there.
 * *ret_own_id: the machine-id is ours, not the image's. */
int rootfs_enter(const struct agent_setup *setup, bool *ret_own_id, struct err *err);
