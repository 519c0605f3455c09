// SPDX-License-Identifier: MIT
/*
 * A TCP socket tied to a stream, the same code on the host (a client's connection) and in the guest
 * (one to a server): bytes both ways, each side no faster than the other takes them.  The end of
 * what a socket has to say ends that direction only; a reset on one side is one on the other.
 *
 * Channel 0 is what the host's socket says, channel 1 what the guest's says.
 */
#pragma once

#include "base/err.h"
#include "wire/mux.h"

#include <uv.h>

struct socket_relay;

struct socket_relay_ops {
	/* A message of the peer; NULL: they are not listened to. */
	void (*message)(void *ctx, uint8_t type, struct view payload);
	/* The socket was connecting, and could not.  The stream is the owner's to close. */
	void (*unconnected)(void *ctx, struct mux_stream *stream, int errnum);
	/* Both directions have ended, or the connection was reset: the relay is gone. */
	void (*ended)(void *ctx);
};

struct socket_relay_end {
	uv_loop_t *loop;
	int fd;		 /* non-blocking; taken over on success */
	uint32_t credit; /* of the stream; the same on both sides */
	bool connecting; /* connect(2) is under way; what the peer says meanwhile waits */
	const struct socket_relay_ops *ops;
	void *ctx;
};

/* The host's end: opens a stream of `kind`. */
int socket_relay_open(const struct socket_relay_end *end, struct mux *mux, uint8_t kind,
		      struct view request, struct socket_relay **ret_relay, struct err *err);

/* The guest's end of a stream that was just opened. */
int socket_relay_accept(const struct socket_relay_end *end, struct mux_stream *stream,
			struct err *err);

/* Resets the connection on both sides; `ended` is not called. */
void socket_relay_reset(struct socket_relay *relay);
