// SPDX-License-Identifier: MIT
/*
 * wire/mux.c fed with a hostile peer's bytes, by owners that use every call from every callback.
 *
 * Input: byte 0 says which side we are (bit 0), whether our output is ever written (bit 1) and in
 * what pieces the bytes arrive (the others); the rest is what the peer sends.  What an owner does
 * follows from what it is told, so the fuzzer steers it.
 */
#include "wire/mux.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>

enum { OWN_STREAMS = 3 };

struct owner {
	struct mux_stream *stream;
	bool hold;	/* gives no credit back */
	unsigned ended; /* channels on which we send no more */
};

static void owner_close(struct owner *owner)
{
	mux_close(owner->stream);
	free(owner);
}

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct owner *owner = ctx;
	char copy[LIMIT_FRAME_TO_GUEST];

	assert(channel < MUX_CHANNELS && bytes.len > 0 && bytes.len <= sizeof(copy));
	memcpy(copy, bytes.ptr, bytes.len);
	if (!owner->hold)
		mux_consumed(owner->stream, channel, bytes.len);
	if (!(owner->ended & BIT(channel)))
		mux_send(owner->stream, channel, copy, bytes.len);
}

static void on_end(void *ctx, unsigned channel)
{
	struct owner *owner = ctx;

	mux_end(owner->stream, channel);
	owner->ended |= BIT(channel);
}

/* The type of a message is an order. */
static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct owner *owner = ctx;
	unsigned channel = type % MUX_CHANNELS;
	char *room;
	size_t len;

	switch (type) {
	case 0:
		owner_close(owner);
		return;
	case 1:
		mux_message(owner->stream, type, payload);
		return;
	case 2:
		owner->hold = !owner->hold;
		return;
	default:
		if (owner->ended & BIT(channel))
			return;
		room = mux_reserve(owner->stream, channel, &len);
		if (!room)
			return;
		assert(len > 0);
		memset(room, 'x', len);
		mux_commit(owner->stream, channel, len);
	}
}

static void on_writable(void *ctx, unsigned channel)
{
	struct owner *owner = ctx;

	assert(!(owner->ended & BIT(channel)));
	mux_send(owner->stream, channel, "more", 4);
}

static void on_closed(void *ctx)
{
	owner_close(ctx);
}

static const struct mux_stream_ops stream_ops = {on_data, on_end, on_message, on_writable,
						 on_closed};
/* An owner that wants nothing: all but CLOSE is a breach. */
static const struct mux_stream_ops strict_ops = {.closed = on_closed};

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct owner *owner;

	(void)ctx;
	assert(request.len <= LIMIT_MESSAGE_TO_GUEST);
	if (kind == 0) {
		mux_close(stream);
		return;
	}
	owner = xcalloc(1, sizeof(*owner));
	owner->stream = stream;
	mux_accept(stream, kind == 1 ? &strict_ops : &stream_ops, owner);
}

static void on_output(void *ctx)
{
	(void)ctx;
}

static const struct mux_ops guest_ops = {on_opened, on_output};
static const struct mux_ops host_ops = {NULL, on_output};

/* The host's side begins the conversations. */
static void open_own(struct mux *mux)
{
	struct err err;

	for (int i = 0; i < OWN_STREAMS; i++) {
		struct owner *owner = xcalloc(1, sizeof(*owner));
		int result =
			mux_open(mux, 1, VIEW_LIT("request"), i == 0 ? &strict_ops : &stream_ops,
				 owner, &owner->stream, &err);

		assert(result == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mux *mux;
	struct err err = {0};
	size_t piece;
	bool host, writes;

	if (size == 0)
		return 0;
	host = data[0] & 1;
	writes = data[0] & 2;
	piece = (data[0] >> 2) + 1u;
	mux = host ? mux_new(MUX_HOST, LIMIT_MESSAGE_TO_HOST, &host_ops, NULL)
		   : mux_new(MUX_GUEST, LIMIT_MESSAGE_TO_GUEST, &guest_ops, NULL);
	if (host)
		open_own(mux);
	for (size_t at = 1; at < size; at += piece) {
		if (mux_receive(mux, data + at, MIN(piece, size - at), &err) < 0) {
			assert(err.code != ERR_NONE && err.msg[0]);
			break;
		}
		if (writes && at % 3 == 0)
			mux_written(mux, mux_output(mux).len);
	}
	mux_free(mux);
	return 0;
}
