// SPDX-License-Identifier: MIT
/*
 * One hypervisor behind one table.  The caller opens every file and gives descriptors; the VMM
 * process gets no path of the user's and no privilege.  Called on the sandbox's loop thread only.
 */
#pragma once

#include "base/err.h"
#include "vmm/accel.h"

#include <stdbool.h>
#include <stddef.h>

/* Descriptors are borrowed: the caller may close its own after start. */
struct vm_disk {
	int fd; /* O_RDONLY when read_only, else O_RDWR */
	bool read_only;
};

struct vm_spec {
	enum accel accel; /* ACCEL_KVM or ACCEL_TCG: already chosen */
	unsigned tsc_khz; /* of accel_probe(); 0: unknown.  Without it a guest under TCG may hang on
			   * a busy host while it calibrates its clock. */
	unsigned cpus;	  /* whole virtual CPUs, at least 1 */
	unsigned memory_mb;
	int kernel_fd; /* vmlinux (ELF, PVH) or bzImage */
	int initramfs_fd;
	const struct vm_disk *disks; /* in guest order: the first is vda */
	size_t disk_count;	     /* at most LIMIT_DISKS */
	int channel_fd;		     /* stream socket: the guest's end of the control channel */
	int console_fd;		     /* what the guest prints on its console is written here */
	int stderr_fd;		     /* the VMM's own complaints are written here */
};

struct vm;

struct vmm_ops {
	const char *name; /* "qemu", "fake" */

	/* Starts the VM; returns as soon as its process runs.  ERR_UNAVAILABLE names what the host
	 * lacks and the remedy.  A VM under ACCEL_KVM that ends before its agent has spoken failed
	 * at KVM: free it and start again under ACCEL_TCG, with a new channel. */
	int (*start)(const struct vm_spec *spec, struct vm **ret_vm, struct err *err);

	/* Becomes readable once the VMM process has ended; borrowed. */
	int (*exit_fd)(const struct vm *vm);

	/* How it ended, in words: only after exit_fd is readable.  "exit status 1", "killed by
	 * signal 9"; with what the VMM said of the guest, if it did: "exit status 0, the guest
	 * powered off", "exit status 0, the guest panicked or restarted". */
	void (*describe_exit)(struct vm *vm, char *ret_text, size_t size);

	/* The VMM's process id on the host. */
	int (*pid)(const struct vm *vm);

	/* Ends the process with SIGKILL if it still runs, reaps it, frees `vm`.  NULL is allowed.
	 */
	void (*free)(struct vm *vm);
};

extern const struct vmm_ops vmm_qemu;
