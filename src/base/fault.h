// SPDX-License-Identifier: MIT
/*
 * Where a process can be made to die, for the tests of what that leaves behind (tests/crash.sh).
 * MATCHLOCK_FAULT=NAME in the environment: SIGKILL at the point of that name; NAME:vmm,
 * NAME:gateway, NAME:resolver: that process gets it instead.  Without the variable nothing happens.
 */
#pragma once

#include <sys/types.h>

struct fault_victims { /* 0: there is none */
	pid_t vmm, gateway, resolver;
};

void fault_point(const char *name, const struct fault_victims *others);
