// SPDX-License-Identifier: MIT
/*
 * The pump between a descriptor (a socket on the host, the virtio-serial port in the guest) and a
 * mux, on a libuv loop.  Everything queued during one turn of the loop leaves in one write.
 */
#pragma once

#include "base/err.h"
#include "wire/mux.h"

#include <uv.h>

struct channel;

struct channel_ops {
	void (*opened)(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request);
	/* The peer is gone or broke the rules (`err` says which): no more bytes either way.  Called
	 * once, from the loop; the streams have been told `closed` before. */
	void (*broken)(void *ctx, const struct err *err);
};

/* `fd` must be non-blocking and stays the caller's until the channel is closed. */
int channel_open(uv_loop_t *loop, int fd, enum mux_side side, const struct channel_ops *ops,
		 void *ctx, struct channel **ret_channel, struct err *err);

struct mux *channel_mux(struct channel *channel);

/* Writes what is queued, without waiting for the loop's turn (before a power off, say).  Returns
 * once the descriptor would block or nothing is left. */
void channel_flush(struct channel *channel);

/* Tells every stream `closed`, stops, frees itself once libuv has let go; then calls `done`
 * (may be NULL). */
void channel_close(struct channel *channel, void (*done)(void *ctx), void *ctx);
