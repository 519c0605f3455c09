// SPDX-License-Identifier: MIT
/* The mux from inside: shared by mux.c (streams, output) and mux_input.c (frames from the peer). */
#pragma once

#include "base/limits.h"
#include "wire/mux.h"

enum {
	BUCKETS = 256,
	/* Data is accepted while less than this waits to be written. */
	BACKLOG_MAX = 256 * 1024,
	BACKLOG_LOW = 64 * 1024,
	/* The receiver reports credit when this part of it has been passed on. */
	CREDIT_PARTS = 4,
};

struct mux_half {	      /* one channel of a stream */
	uint32_t send_credit; /* bytes that we may still send */
	uint32_t recv_credit; /* bytes that the peer may still send */
	uint32_t unreported;  /* passed on, not yet given back as credit */
	bool send_ended, recv_ended;
	bool blocked; /* mux_reserve() gave none: owes a `writable` */
};

struct mux_stream {
	struct mux *mux;
	struct mux_stream *next; /* in the bucket */
	uint32_t id;
	const struct mux_stream_ops *ops; /* NULL once closed by us */
	void *ctx;
	uint32_t credit; /* of each channel, each way */
	struct mux_half half[MUX_CHANNELS];
	bool local_closed, remote_closed, dead;
};

struct header {
	uint32_t stream;
	uint8_t type, channel;
	uint32_t length;
};

struct mux {
	const struct mux_ops *ops;
	void *ctx;
	size_t max_message;
	enum mux_side side;
	uint32_t next_id, last_peer_id;
	size_t stream_count, blocked_count;
	unsigned busy;
	bool failed, sweep, freed;
	struct mux_stream *buckets[BUCKETS];

	unsigned char head[MUX_HEADER_SIZE];
	size_t head_len;     /* bytes of `head` that are filled */
	struct header frame; /* valid when head_len == MUX_HEADER_SIZE */
	uint32_t payload_left;
	struct buf payload; /* gathered OPEN, MESSAGE or CREDIT */

	struct buf out;
	size_t out_sent;
};

struct mux_stream *mux_stream_find(struct mux *mux, uint32_t id);
struct mux_stream *mux_stream_new(struct mux *mux, uint32_t id);
/* Both sides have closed: out of the table, freed as soon as no callback runs. */
void mux_stream_release(struct mux_stream *stream);

void mux_set_blocked(struct mux_stream *stream, unsigned channel, bool blocked);

/* Around callbacks, during which streams (and the mux itself) are kept although closed. */
void mux_busy_enter(struct mux *mux);
void mux_busy_leave(struct mux *mux);
