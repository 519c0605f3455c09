// SPDX-License-Identifier: MIT
/*
 * The disks of one VM, opened for the VMM and described to the agent in the same order: the
 * kernel's modules, the image's layers (base first), the writable upper layer.
 */
#pragma once

#include "base/err.h"
#include "base/limits.h"
#include "vmm/vmm.h"
#include "wire/agent.h"

#include <stdint.h>

struct disks {
	struct vm_disk vm[LIMIT_DISKS];
	struct agent_disk agent[LIMIT_DISKS];
	size_t count;
};

/* Opens the layers and makes VM_DIR/upper.ext4 of `upper_mb`.  The caller ends with disks_done(),
 * also after a failure. */
int disks_open(const char *vm_dir, char *const *layers, int64_t upper_mb, struct disks *ret_disks,
	       struct err *err);
void disks_done(struct disks *disks);
