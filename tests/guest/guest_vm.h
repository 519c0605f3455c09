// SPDX-License-Identifier: MIT
/*
 * A VM for tests of guest-init: QEMU with only the channel between test and agent, so that a
 * failure here is the guest's and not the program's.  A step that does not end in time aborts the
 * test with the console's text.
 */
#pragma once

#include "base/buf.h"
#include "vmm/vmm.h"
#include "wire/agent.h"

#include <stdbool.h>

enum { GUEST_VM_MB = 512, GUEST_TEXT = 504 };

struct guest_vm;

struct guest_disk {
	const char *file;
	struct agent_disk disk;
};

struct guest_vm_spec {
	const char *kernel, *initramfs, *console; /* the last is written */
	const char *cache_dir;			  /* for the measured clock rate */
	const struct guest_disk *disks;
	size_t disk_count;
	bool unplugged; /* the slots are there, the disks are not: a generic template */
	size_t slots;	/* as in struct vm_spec */
	enum vm_begin begin;
	int ram_fd, state_fd;	  /* as in struct vm_spec */
	int net_fd;		  /* the same */
	struct agent_setup setup; /* protocol, entropy and disks are filled in */
};

/* Boots or restores; the agent has not been spoken to. */
struct guest_vm *guest_vm_begin(const struct guest_vm_spec *spec);

/* SETUP and CLOCK.  False, with its answer in `ret_text`, if the guest refuses. */
bool guest_vm_setup(struct guest_vm *vm, const struct guest_vm_spec *spec,
		    char ret_text[GUEST_TEXT]);

/* Both. */
bool guest_vm_start(const struct guest_vm_spec *spec, struct guest_vm **ret_vm,
		    char ret_text[GUEST_TEXT]);

/* PREPARE; then the channel is a new one.  False, on the old channel, if the guest refuses. */
bool guest_vm_prepare(struct guest_vm *vm, const struct agent_prepare *prepare,
		      char ret_text[GUEST_TEXT]);

/* The last SETUP again, for what was prepared. */
void guest_vm_setup_again(struct guest_vm *vm);

/* From now on each command is taken by a process that waits: the VM is prepared for it and set up
 * again before. */
void guest_vm_make_wait(struct guest_vm *vm, bool waiting);

/* A stream of any kind with any request: the type of the answer, its text if it is FAILED. */
uint8_t guest_vm_ask(struct guest_vm *vm, uint8_t kind, struct view request,
		     char ret_text[GUEST_TEXT]);

/* Ends a VM that is prepared; its state is in `state_fd`.  Frees. */
bool guest_vm_save(struct guest_vm *vm, int state_fd);

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
	bool count_only;			    /* keep no output, only count it */
	void (*seen)(void *ctx, struct view bytes); /* of stdout, as it comes; or NULL */
	void *ctx;
	/* out */
	bool started, failed, exited;
	unsigned code, signalled;
	uint32_t start_us, run_us;
	char text[GUEST_TEXT]; /* why it failed */
	struct buf out, err;
	uint64_t out_bytes, out_sum;
	uint64_t ms;
};

void guest_vm_run(struct guest_vm *vm, struct guest_run *run);
void guest_run_done(struct guest_run *run);

/* What `command` printed, for one comparison: overwritten by the next call. */
const char *guest_vm_output(struct guest_vm *vm, const char *command);

/* Orderly end; true if DONE came and QEMU ended by itself.  Frees. */
bool guest_vm_stop(struct guest_vm *vm, unsigned grace_ms, uint64_t *ret_ms);
/* The power goes.  Frees. */
void guest_vm_kill(struct guest_vm *vm);
/* Ends the channel as a dead supervisor does. */
void guest_vm_hang_up(struct guest_vm *vm);
/* Waits for QEMU to end by itself (the guest has died).  Frees. */
bool guest_vm_await_end(struct guest_vm *vm);
