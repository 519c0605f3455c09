// SPDX-License-Identifier: MIT
/* Which QEMU is run, and what tells one QEMU from another. */
#pragma once

#include "vmm/vmm.h"

/* The program for `accel`, as a path without symbolic links; free() it. */
int qemu_find(enum accel accel, char **ret_path, struct err *err);

/* See `fingerprint` of vmm_ops. */
int qemu_fingerprint(const struct vm_spec *spec, struct buf *text, struct err *err);
