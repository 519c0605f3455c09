// SPDX-License-Identifier: MIT
/*
 * What QEMU may see and do: its private root and its seccomp table.  QEMU adds its own `-sandbox`
 * on top once it runs; ours holds from its first instruction.
 */
#pragma once

#include "base/confine.h"
#include "vmm/vmm.h"

enum { QEMU_JAIL_PATHS_MAX = 16, QEMU_JAIL_FILES = 2 };

struct qemu_jail {
	struct confine_path paths[QEMU_JAIL_PATHS_MAX];
	struct confine_file files[QEMU_JAIL_FILES];
	struct confine_spec spec; /* points into the two above: do not copy the struct */
};

/* With RAM in a file the table has CONFINE_NOTIFY, for opens that only read and write: what they
 * get is vmm/qemu/qemu.c's business.  `program` is QEMU's path without symbolic links, borrowed. */
void qemu_jail_init(struct qemu_jail *jail, const char *program, const struct vm_spec *spec);
