// SPDX-License-Identifier: MIT
/*
 * Control groups of the guest.  All commands live below one group, `sandbox`, which carries the
 * CPU limit; the container's cgroup namespace is rooted there and the hierarchy is mounted with
 * nsdelegate, so that nobody inside can change that limit or leave it.  `sandbox/init` holds the
 * container's init, `sandbox/exec-N` one command with all it starts.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Mounts the hierarchy and makes the sandbox's groups.  `quota_us` of every 100,000 us of CPU time
 * (all CPUs together), 0 = no limit. */
int cgroup_start(uint64_t quota_us, struct err *err);

/* In the new init of the container: makes `sandbox` the root of its cgroup namespace and moves it
 * to `sandbox/init`. */
int cgroup_enter(struct err *err);

/* Makes the group of command `id`; the caller owns the descriptor of its directory. */
int cgroup_make(unsigned id, int *ret_fd, struct err *err);

/* `signal` to every process of the command and of groups made below it. */
void cgroup_signal(unsigned id, int signal);
/* SIGKILL to all of them at once. */
void cgroup_kill(unsigned id);

bool cgroup_is_empty(unsigned id);
/* Removes the (empty) group and groups made below it. */
void cgroup_remove(unsigned id);
