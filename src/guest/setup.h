// SPDX-License-Identifier: MIT
/* What the host says that this VM is. */
#pragma once

#include "base/err.h"

struct agent_clock;
struct agent_setup;
struct container;

/* Once, at boot, before the host is heard: loopback and kernel settings. */
void setup_kernel(void);

/* Makes the VM what `setup` says, in this order: entropy, name, groups, disks, container. */
int setup_apply(const struct agent_setup *setup, struct container **ret_container, struct err *err);

int setup_clock(const struct agent_clock *clock, struct err *err);
