// SPDX-License-Identifier: MIT
/*
 * The stream on which a VM is told what it is, and from then on what time it is: at its start,
 * every minute, and whenever the host's clock jumps (a suspended laptop that wakes up).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "wire/agent.h"
#include "wire/mux.h"

#include <uv.h>

struct setup_stream;

struct setup_owner {
	/* The guest is what it was told to be, and has the right time before anything else that is
	 * sent now. */
	void (*ready)(void *ctx, const struct agent_steps *steps);
	/* It could not be set up (ERR_INVALID: what it was told does not suit it), or its clock
	 * could not be kept.  Nothing follows. */
	void (*failed)(void *ctx, const struct err *why);
	void *ctx;
};

/* Sends the SETUP `request`.  `ready` or `failed` follows, unless the channel breaks first. */
int setup_stream_open(uv_loop_t *loop, struct mux *mux, struct view request,
		      const struct setup_owner *owner, struct setup_stream **ret_stream,
		      struct err *err);

/* No callback follows.  NULL is allowed.  Call it before the mux is freed. */
void setup_stream_close(struct setup_stream *stream);
