// SPDX-License-Identifier: MIT
/*
 * A VM for tests of guest-init: QEMU by hand, with only the channel between test and agent, so that
 * a failure here is the guest's and not the program's.  One VM at a time; a step that does not end
 * in time aborts the test with the console's text.
 */
#pragma once

#include "base/buf.h"
#include "wire/agent.h"

#include <stdbool.h>

struct guest_vm;

struct guest_disk {
	const char *file;
	struct agent_disk disk;
};

struct guest_vm_spec {
	const char *kernel, *initramfs, *console; /* the last is written */
	const struct guest_disk *disks;
	size_t disk_count;
	struct agent_setup setup; /* protocol, time, entropy and disks are filled in */
};

/* Boots and sets up.  False, with its answer in `ret_text`, if the guest refuses the set-up. */
bool guest_vm_start(const struct guest_vm_spec *spec, struct guest_vm **ret_vm, char ret_text[504]);

/* One command and what it gave. */
struct guest_run {
	/* in */
	const char *command; /* NULL: only argv */
	char **argv;	     /* NULL: {command} */
	const char **env;
	const char *cwd, *user;
	struct view input;   /* sent, then END; ptr NULL = no stdin */
	size_t input_repeat; /* send `input` so many times more */
	bool terminal;
	uint16_t rows, cols;
	unsigned cancel_after_ms, grace_ms;
	unsigned signal_after_ms, signal;
	unsigned resize_after_ms;
	bool count_only; /* keep no output, only count it */
	/* out */
	bool started, failed, exited;
	unsigned code, signalled;
	char text[504]; /* why it failed */
	struct buf out, err;
	uint64_t out_bytes, out_sum;
	uint64_t ms;
};

void guest_vm_run(struct guest_vm *vm, struct guest_run *run);
void guest_run_done(struct guest_run *run);

/* The answer of `command`'s stdout, for one comparison: overwritten by the next call. */
const char *guest_vm_output(struct guest_vm *vm, const char *command);

/* Orderly end; true if DONE came and QEMU ended by itself.  Frees. */
bool guest_vm_stop(struct guest_vm *vm, unsigned grace_ms, uint64_t *ret_ms);
/* Ends the channel as a dead supervisor does. */
void guest_vm_hang_up(struct guest_vm *vm);
/* Waits for QEMU to end by itself (the guest has died).  Frees. */
bool guest_vm_await_end(struct guest_vm *vm);
