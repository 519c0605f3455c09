// SPDX-License-Identifier: MIT
/* The command line of QEMU for a VM: pure, no file is touched. */
#pragma once

#include "vmm/vmm.h"

/* Where the descriptors are that QEMU inherits, and the files in its private root. */
enum qemu_fd {
	QEMU_FD_CHANNEL = 3, /* socket: the control channel */
	QEMU_FD_QMP,	     /* socket: the monitor */
	QEMU_FD_DISKS,	     /* and up; then the TAP and the state to be loaded, if any */
};
int qemu_fd_of_tap(const struct vm_spec *spec);
int qemu_fd_of_state(const struct vm_spec *spec);

#define QEMU_KERNEL_PATH    "/kernel"
#define QEMU_INITRAMFS_PATH "/initramfs"
#define QEMU_RAM_PATH	    "/ram" /* is in no root: an open is answered by the supervisor */

/* The arguments, `program` first; free with strv_free().  The guest's console goes to the standard
 * output. */
char **qemu_args(const char *program, const struct vm_spec *spec);
