// SPDX-License-Identifier: MIT
/*
 * The life of one sandbox, owned by this process: its row in the state, its directory, its VM.
 *
 *	create -> start -> (ready) -> commands by relay_open(sandbox_mux()) -> stop -> (ended) ->
 *close
 *
 * Everything runs on one loop; `ready` and `ended` come from it.  A sandbox that fails at any step
 * still wants sandbox_close(), which undoes what was done.
 */
#pragma once

#include "api/sandbox_spec.h"
#include "base/auto.h"
#include "base/err.h"
#include "vmm/vmm.h"
#include "wire/mux.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* How long an orderly end may take beyond the grace when disks of the user's are written out. */
enum { SANDBOX_SYNC_MS = 30 * 1000 };

struct sandbox;
struct state;
struct timings;
struct vm_log;

struct sandbox_host { /* where sandboxes live; borrowed, must outlive them */
	uv_loop_t *loop;
	struct state *state;
	const char *state_home, *cache_home;
	const struct vmm_ops *vmm;
	struct timings *timings; /* NULL: nobody asks */
};

struct sandbox_request {
	const struct sandbox_spec *spec; /* borrowed, must outlive the sandbox */
	char *const *layers;		 /* EROFS files, base first; needed by create only */
	/* What the image itself says, without the run's overrides: its template is made for that.
	 * NULL: start without such a template. */
	const struct image_config *image_config;
	bool no_template;	/* boot */
	bool no_template_build; /* use the templates that are there */
	enum accel accel;	/* ACCEL_AUTO: measured */
	bool remove;		/* --rm: nothing of it is kept */
	/* For the orderly end.  0 with `remove`: ended at once, unless the spec has disks that
	 * are written to, which are unmounted after 2 s of grace. */
	uint64_t grace_ms;
};

struct sandbox_owner {
	/* The guest is up and knows what it is: commands may be run. */
	void (*ready)(void *ctx);
	/* The VM is gone.  ERR_NONE after sandbox_stop(); otherwise the reason. */
	void (*ended)(void *ctx, const struct err *why);
	void *ctx;
	/* A template is made first, which takes some seconds; NULL allowed. */
	void (*preparing)(void *ctx);
};

/* Takes an id, writes the row, makes the directory and the disks. */
int sandbox_create(const struct sandbox_host *host, const struct sandbox_request *request,
		   const struct sandbox_owner *owner, struct sandbox **ret_sandbox,
		   struct err *err);

/* Starts the VM; `ready` or `ended` follows.  After an error nothing follows. */
int sandbox_start(struct sandbox *sandbox, struct err *err);

const char *sandbox_id(const struct sandbox *sandbox);
/* From `ready` until `ended`; NULL once the guest is lost, which may be some time before. */
struct mux *sandbox_mux(struct sandbox *sandbox);
struct vm_log *sandbox_log(struct sandbox *sandbox);

/* With what it runs, and why not with KVM ("" with KVM or when it was asked for). */
enum accel sandbox_accel(const struct sandbox *sandbox);
const char *sandbox_accel_reason(const struct sandbox *sandbox);

/* What its network may reach at the moment. */
const struct policy_spec *sandbox_policy(const struct sandbox *sandbox);

/* Puts another policy in force, for connections that are open too, and returns when it is.
 * ERR_INVALID: it makes no sense; after an error the old one is in force. */
int sandbox_set_policy(struct sandbox *sandbox, const struct policy_spec *policy, struct err *err);

/* Ends the VM: in order within the grace where something is to be saved, else at once.  `ended`
 * follows.  A second call ends it at once. */
void sandbox_stop(struct sandbox *sandbox);

/* How it was started: "image template", "generic template", "cold boot". */
const char *sandbox_start_level(const struct sandbox *sandbox);

/* Cleans up: kills what runs, removes disks, directory and row as far as the request says, frees.
 * The first failure of a step is reported, the others are still done. */
int sandbox_close(struct sandbox *sandbox, struct err *err);
