// SPDX-License-Identifier: MIT
/*
 * A session tied to local descriptors: input is read into the channel, output is written as it
 * comes, each side no faster than the other takes it.  Output may also go to the VM's log.
 */
#pragma once

#include "base/err.h"
#include "sandbox/session.h"

#include <uv.h>

struct relay;
struct vm_log;

struct relay_io {
	int in_fd; /* -1: no input */
	int out_fd, err_fd;
	struct vm_log *log; /* borrowed; NULL: output is not logged */
};

/* The command has ended and all its output has been written.  Called once; close the relay then,
 * which ends the life of `result`. */
typedef void relay_ended_fn(void *ctx, const struct session_result *result);

int relay_open(uv_loop_t *loop, struct mux *mux, const struct agent_exec *exec,
	       const struct relay_io *io, relay_ended_fn *ended, void *ctx,
	       struct relay **ret_relay, struct err *err);

void relay_resize(struct relay *relay, const struct agent_size *size);
void relay_signal(struct relay *relay, int signal);

/* Cancels the command if it still runs, lets go of the descriptors at once, and frees the relay
 * when libuv has let go.  NULL is allowed. */
void relay_close(struct relay *relay);
