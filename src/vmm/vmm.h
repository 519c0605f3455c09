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

/* Where RAM is and how the VM begins.  A template is a VM that was booted with its RAM in a file
 * (VM_BOOT_INTO) or restored onto a copy of another one's (VM_RESTORE_INTO), and then saved. */
enum vm_begin {
	VM_BOOT,	 /* anonymous RAM; ram_fd, state_fd unused */
	VM_BOOT_INTO,	 /* RAM is the file ram_fd, which is written to */
	VM_RESTORE,	 /* ram_fd is mapped copy-on-write and never written; state_fd is loaded */
	VM_RESTORE_INTO, /* ram_fd is written to; state_fd is loaded */
};

struct vm_spec {
	enum vm_begin begin;
	int ram_fd;	  /* exactly memory_mb long; read-only is enough for VM_RESTORE */
	int state_fd;	  /* what save() wrote */
	enum accel accel; /* ACCEL_KVM or ACCEL_TCG: already chosen */
	unsigned tsc_khz; /* of accel_probe(); 0: unknown.  Without it a guest under TCG may hang on
			   * a busy host while it calibrates its clock. */
	unsigned cpus;	  /* whole virtual CPUs, at least 1 */
	unsigned memory_mb;
	int kernel_fd; /* vmlinux (ELF, PVH) or bzImage */
	int initramfs_fd;
	const struct vm_disk *disks; /* in guest order: the first is vda */
	size_t disk_count;	     /* at most LIMIT_DISKS */
	/* Disk slots of the machine, vm_slots() or 0: only as many as disks.  Slots without a disk
	 * are small and read as zeroes.  Those of a template and of its clones are equal. */
	size_t slots;
	/* A TAP (net/net.h) that the network card leads to; -1: nowhere.  The card is there in a VM
	 * with `slots` or with a TAP.  That of a clone may be another TAP than the template's, or
	 * the first one if the template's guest had not bound its card. */
	int net_fd;
	int channel_fd; /* stream socket: the guest's end of the control channel */
	int console_fd; /* what the guest prints on its console is written here */
	int stderr_fd;	/* the VMM's own complaints are written here */
};

struct vm;
struct buf;

/* The device shape that `disk_count` disks take: 6 or 22 slots. */
size_t vm_slots(size_t disk_count);

struct vmm_ops {
	const char *name; /* "qemu", "fake" */

	/* Starts the VM; returns as soon as its process runs.  ERR_UNAVAILABLE names what the host
	 * lacks and the remedy.  A VM under ACCEL_KVM that ends before its agent has spoken failed
	 * at KVM: free it and start again under ACCEL_TCG, with a new channel. */
	int (*start)(const struct vm_spec *spec, struct vm **ret_vm, struct err *err);

	/* Readable when the VMM waits for something that only its supervisor may do (it gets its
	 * RAM file that way); -1: never.  Borrowed.  attend() does it and does not wait; from the
	 * start to the end of the VM, after which it stays readable with nothing to do. */
	int (*attend_fd)(const struct vm *vm);
	void (*attend)(struct vm *vm);

	/* Writes the devices' state to the empty file `state_fd` and ends the VMM; what is left to
	 * do with `vm` is free().  For VM_..._INTO.  Waits up to `timeout_ms`. */
	int (*save)(struct vm *vm, int state_fd, int timeout_ms, struct err *err);

	/* Appends what a template of such a VM depends on in this VMM and is not in any file of the
	 * caller: the identity of the program, its command line.  Two specs with the same text
	 * can use the same template. */
	int (*fingerprint)(const struct vm_spec *spec, struct buf *text, struct err *err);

	/* Becomes readable once the VMM process has ended; borrowed. */
	int (*exit_fd)(const struct vm *vm);

	/* How it ended, in words: only after exit_fd is readable.  "exit status 1", "killed by
	 * signal 9"; with what the VMM said of the guest, if it did: "exit status 0, the guest
	 * powered off", "exit status 0, the guest panicked or restarted".  True: it ended by
	 * itself, with status 0. */
	bool (*describe_exit)(struct vm *vm, char *ret_text, size_t size);

	/* The VMM's process id on the host. */
	int (*pid)(const struct vm *vm);

	/* Ends the process with SIGKILL if it still runs, reaps it, frees `vm`.  NULL is allowed.
	 */
	void (*free)(struct vm *vm);
};

extern const struct vmm_ops vmm_qemu;
