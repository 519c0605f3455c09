// SPDX-License-Identifier: MIT
/*
 * One running VMM process with what belongs to it: the control channel, and the two pipes on which
 * the guest's console and the VMM's complaints arrive (and go into the VM's log).
 */
#pragma once

#include "base/err.h"
#include "vmm/vmm.h"
#include "wire/mux.h"

#include <uv.h>

struct machine;
struct vm_log;

struct machine_owner {
	/* The VM has ended, or its channel broke: `why` says how, with the last lines of the VMM
	 * and of the guest's console.  Called once, from the loop; close the machine then. */
	void (*ended)(void *ctx, const struct err *why);
	void *ctx;
};

/* Starts a VM.  `spec` lacks channel_fd, console_fd and stderr_fd, which are made here. */
int machine_start(uv_loop_t *loop, const struct vmm_ops *vmm, const struct vm_spec *spec,
		  struct vm_log *log, const struct machine_owner *owner,
		  struct machine **ret_machine, struct err *err);

/* Saves the VM's devices to `state_fd`; its memory is in the file that it was started with.  The VM
 * has ended then; only machine_close() may follow.  Waits up to `timeout_ms`. */
int machine_save(struct machine *machine, int state_fd, int timeout_ms, struct err *err);

/* Streams to the guest's agent; NULL once the channel is broken. */
struct mux *machine_mux(struct machine *machine);
int machine_pid(const struct machine *machine);

/* What has become of the process, known in `ended`.  A channel that broke leaves it running. */
enum machine_exit { MACHINE_RUNS, MACHINE_ENDED /* in order */, MACHINE_FAILED };
enum machine_exit machine_exit(const struct machine *machine);

/* Kills what still runs; frees all once libuv has let go.  No callback follows.  NULL is allowed.
 */
void machine_close(struct machine *machine);
