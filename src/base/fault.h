// SPDX-License-Identifier: MIT
/*
 * Where a process can be made to die, for the tests of what that leaves behind (tests/crash.sh).
 * MATCHLOCK_FAULT=NAME in the environment: SIGKILL at the point of that name; MATCHLOCK_FAULT=
 * NAME:vmm: the VMM gets it instead.  Without the variable nothing happens.
 */
#pragma once

#include <sys/types.h>

/* `vmm`: the process of the VM, 0 while there is none. */
void fault_point(const char *name, pid_t vmm);
