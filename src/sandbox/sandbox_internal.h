// SPDX-License-Identifier: MIT
/* One sandbox as its files see it: sandbox.c (its life), start.c and start_builder.c. */
#pragma once

#include "base/proc.h"
#include "sandbox/disks.h"
#include "sandbox/sandbox.h"
#include "sandbox/templates.h"
#include "state/lifecycle.h"

struct machine;
struct network;
struct setup_stream;

/* Where a VM comes from, the quickest first. */
enum start_level { START_IMAGE, START_GENERIC, START_COLD, START_LEVELS };

struct start {
	enum start_level level;
	char keys[START_LEVELS][TEMPLATE_KEY_SIZE]; /* "" = not to be used */
	struct template_files files;
	struct proc builder; /* of the generic template, while it is waited for */
	uv_poll_t builder_poll;
	bool building, built, booted_again;
	bool refused[START_LEVELS]; /* by the guest: at fault is the template, or the sandbox */
};

struct sandbox {
	struct sandbox_host host;
	struct sandbox_request request;
	struct sandbox_owner owner;
	char id[16];
	char *dir, *upper_path;
	bool registered;
	struct vm_log *log;
	struct disks disks;
	struct accel_probe probe;
	struct network *network; /* NULL: none, with --no-network */
	bool network_serves;
	struct policy_spec policy; /* in force */
	struct start start;
	struct machine *machine;
	struct setup_stream *setup;
	struct mux_stream *shutdown;
	uv_timer_t timer; /* start deadline, then the end of the grace */
	unsigned handles; /* that libuv holds after the close */
	bool ready, stopping, told;
	bool history_lost; /* another process kept the database locked: no more is written */
	char *crash;	   /* why the VM ended unasked; NULL: it did not */
};

/* The history is for people: failing to write it must not fail the sandbox. */
void sandbox_set_phase(struct sandbox *sandbox, enum phase phase, const char *error);

/* For the tests: base/fault.h. */
void sandbox_fault_point(const struct sandbox *sandbox, const char *name);

/* Tells the owner, once, that the sandbox has ended. */
void sandbox_tell_ended(struct sandbox *sandbox, const struct err *why);

/* Ends whatever runs for the sandbox: its VM, or a builder that it waits for. */
void sandbox_end_machine(struct sandbox *sandbox);

/* Has the missing generic template made; true: start_go_on() follows when its builder has ended,
 * well or not. */
bool start_await_generic(struct sandbox *sandbox);
void start_go_on(struct sandbox *sandbox);
void start_end_builder(struct sandbox *sandbox);

/* The last act of a sandbox that had to start without its image's template: has one made. */
void start_build_template(struct sandbox *sandbox);
