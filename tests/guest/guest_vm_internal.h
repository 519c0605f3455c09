// SPDX-License-Identifier: MIT
/* The VM of a test (guest_vm.c) and its commands (guest_run.c), as the two know each other. */
#pragma once

#include "guest_vm.h"
#include "vmm/vmm.h"
#include "wire/channel.h"

#include <uv.h>

struct guest_vm {
	uv_loop_t loop;
	uv_timer_t deadline;
	uv_poll_t attend;
	bool attended;
	struct vm *vm;
	int fd;
	struct channel *channel;
	char *console;
	bool waiting;	  /* commands are taken by a process that waits */
	struct buf setup; /* the last SETUP */
	char output[65536];
};

/* Ends the test with the end of the console's text. */
void guest_vm_die(struct guest_vm *vm, const char *why);

/* PREPARE with a process that waits for `run`, and the last SETUP again. */
void guest_vm_again(struct guest_vm *vm, const struct guest_run *run);

/* Runs the loop until *flag, or dies. */
void guest_vm_wait(struct guest_vm *vm, const bool *flag);
