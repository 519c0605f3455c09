// SPDX-License-Identifier: MIT
/* PID 1 from the kernel's first call to a root of its own. */
#pragma once

#include "base/attr.h"

/* The role `init`, in the initramfs: mounts, boot modules, a new root; then executes itself there
 * in the role `agent`.  Does not return: a failure ends the VM. */
ML_NORETURN void init_boot(void);
