// SPDX-License-Identifier: MIT
/* What the host says that this VM is. */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct agent_clock;
struct agent_setup;
struct agent_steps;
struct container;

/* Once, at boot, before the host is heard: loopback and kernel settings. */
void setup_kernel(void);

/* At boot: looking the device up is work that each clone is spared. */
int setup_open_random(int *ret_fd, struct err *err);

/* The entropy of `setup`, before anything else of it: nothing may draw random bytes that another
 * clone of this VM would draw too.  *steps gets what it took. */
int setup_entropy(const struct agent_setup *setup, int random_fd, struct agent_steps *steps,
		  struct err *err);

/* Makes the VM what `setup` says, in this order: name, groups, network, disks, container.  *steps
 * gets what each took. */
int setup_apply(const struct agent_setup *setup, struct container **ret_container,
		struct agent_steps *steps, struct err *err);

/* The same in a clone of a VM that was `before`: only its identity and its MTU can be others.
 * `etc_fds` are the files that say it (guest/etc_files.h). */
int setup_reapply(const struct agent_setup *before, const struct agent_setup *setup,
		  const int etc_fds[], struct agent_steps *steps, struct err *err);

/* `clock` is `age_ns` old.  A clock that is right already is left alone, so that it does not
 * jitter. */
int setup_clock(const struct agent_clock *clock, uint64_t age_ns, struct err *err);
