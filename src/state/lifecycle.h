// SPDX-License-Identifier: MIT
/*
 * The history of each sandbox, append-only: every change of phase, resource or clean-up step adds
 * one full record with the next version (reference: guest-images-lifecycle.md 6.3, 6.5).
 */
#pragma once

#include "base/err.h"

#include <jansson.h>

struct state;

/* X(NAME, text) */
#define PHASE_LIST(X)                     \
	X(CREATING, "creating")           \
	X(CREATED, "created")             \
	X(STARTING, "starting")           \
	X(RUNNING, "running")             \
	X(STOPPING, "stopping")           \
	X(STOPPED, "stopped")             \
	X(CLEANING, "cleaning")           \
	X(CLEANED, "cleaned")             \
	X(CREATE_FAILED, "create_failed") \
	X(START_FAILED, "start_failed")   \
	X(STOP_FAILED, "stop_failed")     \
	X(CLEANUP_FAILED, "cleanup_failed")

enum phase {
#define X(name, text) PHASE_##name,
	PHASE_LIST(X)
#undef X
		PHASE_COUNT
};
const char *phase_name(enum phase phase);

/* Appends a record with `phase`.  `error` becomes last_error (NULL: none).  A move that the table
 * in lifecycle.c does not allow is ERR_INVALID `invalid lifecycle phase transition "a" -> "b"`. */
int lifecycle_set_phase(struct state *state, const char *id, enum phase phase, const char *error,
			struct err *err);

/* Appends a record with resources.KEY = VALUE ("state_dir", "rootfs_path", ...). */
int lifecycle_set_resource(struct state *state, const char *id, const char *key, const char *value,
			   struct err *err);

/* Appends a record with the outcome of a clean-up step: `error` NULL means ok. */
int lifecycle_set_cleanup(struct state *state, const char *id, const char *step, const char *error,
			  struct err *err);

/* The newest record as the JSON object of inspect, owned by the caller; ERR_NOT_FOUND. */
int lifecycle_get(struct state *state, const char *id, json_t **ret_record, struct err *err);
/* All records of `id`, oldest first. */
int lifecycle_history(struct state *state, const char *id, json_t **ret_array, struct err *err);
