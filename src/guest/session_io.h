// SPDX-License-Identifier: MIT
/*
 * The byte channels of a session: what the command writes goes to the host, what the host sends
 * goes to the command; neither side is read faster than the other takes.
 *
 * Both structs are embedded in their owner; closing is asynchronous, `closed` tells when libuv has
 * let go.
 */
#pragma once

#include "base/buf.h"
#include "wire/mux.h"

#include <stdbool.h>
#include <uv.h>

/* Command to host. */
struct session_output {
	uv_poll_t poll;
	int fd; /* -1 once at its end */
	unsigned channel;
	struct mux_stream *stream;   /* NULL: what comes is thrown away */
	bool blocked;		     /* the host takes no more for now */
	size_t owed;		     /* bytes that were there when the command ended */
	void (*progress)(void *ctx); /* bytes were passed on, or the end was met */
	void (*closed)(void *ctx);
	void *ctx;
};

/* Takes `fd` over.  The callbacks and `ctx` must be set. */
void session_output_open(struct session_output *out, uv_loop_t *loop, int fd);
/* Starts reading (again). */
void session_output_resume(struct session_output *out);
/* From now on bytes are thrown away. */
void session_output_discard(struct session_output *out);
/* The command has ended: what is in the pipe now is still its own. */
void session_output_mark(struct session_output *out);
void session_output_close(struct session_output *out);

/* Host to command. */
struct session_input {
	uv_poll_t poll;
	int fd; /* -1: nobody reads, what comes is thrown away */
	struct mux_stream *stream;
	struct buf queue; /* at most the stream's credit */
	size_t sent;	  /* of the queue */
	bool held;	  /* the command does not run yet: its terminal has no session to signal */
	bool ended;	  /* close once the queue is empty */
	void (*closed)(void *ctx);
	void *ctx;
};

/* Takes `fd` over.  Bytes wait until session_input_release(). */
void session_input_open(struct session_input *in, uv_loop_t *loop, int fd);
void session_input_release(struct session_input *in);
void session_input_put(struct session_input *in, struct view bytes);
void session_input_end(struct session_input *in);
void session_input_close(struct session_input *in);
