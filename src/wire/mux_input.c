// SPDX-License-Identifier: MIT
/*
 * Frames from the peer: see mux.h for the rules.  Each header is checked as a whole before a byte
 * of its payload is taken; a frame that breaks a rule fails the mux for good.
 */
#include "wire/mux_internal.h"

#include <endian.h>
#include <sys/types.h>

static int breach(struct mux *mux, struct err *err, const char *what)
{
	mux->failed = true;
	return err_set(err, ERR_PROTOCOL, "channel: %s (frame type %u, stream %u)", what,
		       mux->frame.type, mux->frame.stream);
}

/* The payload lengths that each frame may have. */
static bool length_is_valid(const struct mux *mux)
{
	switch ((enum mux_frame)mux->frame.type) {
	case MUX_OPEN:
	case MUX_MESSAGE:
		return mux->frame.length <= mux->max_message;
	case MUX_DATA:
		return mux->frame.length > 0 &&
		       mux->frame.length <=
			       (mux->side == MUX_HOST ? LIMIT_FRAME_TO_HOST : LIMIT_FRAME_TO_GUEST);
	case MUX_CREDIT:
		return mux->frame.length == 4;
	case MUX_END:
	case MUX_CLOSE:
		return mux->frame.length == 0;
	}
	return false;
}

static int header_check(struct mux *mux, struct err *err)
{
	const struct header *f = &mux->frame;
	bool has_channel = f->type == MUX_DATA || f->type == MUX_END || f->type == MUX_CREDIT;
	struct mux_stream *stream = mux_stream_find(mux, f->stream);

	if (!length_is_valid(mux))
		return breach(mux, err, "bad frame type or length");
	if (mux->head[6] || mux->head[7] || (has_channel && f->channel >= MUX_CHANNELS))
		return breach(mux, err, "bad header");
	if (f->type == MUX_OPEN) {
		bool by_peer = (f->stream & 1) == (mux->side == MUX_HOST ? 0 : 1);

		if (!mux->ops->opened)
			return breach(mux, err, "the peer may not open streams");
		if (!by_peer || f->stream <= mux->last_peer_id)
			return breach(mux, err, "bad stream number");
		if (mux->stream_count >= LIMIT_STREAMS)
			return breach(mux, err, "too many streams");
		return 0;
	}
	if (!stream || stream->remote_closed)
		return breach(mux, err, "no such stream");
	if (has_channel && f->type != MUX_CREDIT && stream->half[f->channel].recv_ended)
		return breach(mux, err, "data after the end");
	if (f->type == MUX_DATA) {
		if (f->length > stream->half[f->channel].recv_credit)
			return breach(mux, err, "more data than there is credit for");
		stream->half[f->channel].recv_credit -= f->length;
	}
	return 0;
}

static void frame_open(struct mux *mux)
{
	struct mux_stream *stream = mux_stream_new(mux, mux->frame.stream);

	mux->last_peer_id = mux->frame.stream;
	mux->ops->opened(mux->ctx, stream, mux->frame.channel,
			 (struct view){mux->payload.ptr, mux->payload.len});
}

static int frame_credit(struct mux *mux, struct mux_stream *stream, struct err *err)
{
	struct mux_half *half = &stream->half[mux->frame.channel];
	uint32_t le, sum;

	memcpy(&le, mux->payload.ptr, 4);
	if (__builtin_add_overflow(half->send_credit, le32toh(le), &sum) || sum > stream->credit)
		return breach(mux, err, "too much credit");
	half->send_credit = sum;
	if (half->blocked && sum > 0 && mux_output(mux).len <= BACKLOG_LOW) {
		mux_set_blocked(stream, mux->frame.channel, false);
		if (stream->ops && stream->ops->writable)
			stream->ops->writable(stream->ctx, mux->frame.channel);
	}
	return 0;
}

/* A frame that is complete (DATA has been delivered on the way). */
static int frame_dispatch(struct mux *mux, struct err *err)
{
	const struct header *f = &mux->frame;
	struct mux_stream *stream;

	if (f->type == MUX_OPEN) {
		frame_open(mux);
		return 0;
	}
	stream = mux_stream_find(mux, f->stream);
	if (!stream)
		return 0; /* closed by its owner while the payload came in */
	switch ((enum mux_frame)f->type) {
	case MUX_CREDIT:
		return frame_credit(mux, stream, err);
	case MUX_END:
		stream->half[f->channel].recv_ended = true;
		if (stream->ops && !stream->ops->end)
			return breach(mux, err, "unexpected end");
		if (stream->ops)
			stream->ops->end(stream->ctx, f->channel);
		return 0;
	case MUX_MESSAGE:
		if (stream->ops && !stream->ops->message)
			return breach(mux, err, "unexpected message");
		if (stream->ops)
			stream->ops->message(stream->ctx, f->channel,
					     (struct view){mux->payload.ptr, mux->payload.len});
		return 0;
	case MUX_CLOSE:
		stream->remote_closed = true;
		if (stream->local_closed)
			mux_stream_release(stream);
		else if (stream->ops)
			stream->ops->closed(stream->ctx);
		return 0;
	case MUX_OPEN:
	case MUX_DATA:
		return 0;
	}
	return 0;
}

static int data_deliver(struct mux *mux, struct view bytes, struct err *err)
{
	struct mux_stream *stream = mux_stream_find(mux, mux->frame.stream);

	if (!stream || !stream->ops)
		return 0; /* closed by us: nobody wants the rest */
	if (!stream->ops->data)
		return breach(mux, err, "unexpected data");
	stream->ops->data(stream->ctx, mux->frame.channel, bytes);
	return 0;
}

static int header_take(struct mux *mux, struct err *err)
{
	uint32_t le_stream, le_length;

	memcpy(&le_stream, mux->head, 4);
	memcpy(&le_length, mux->head + 8, 4);
	mux->frame =
		(struct header){le32toh(le_stream), mux->head[4], mux->head[5], le32toh(le_length)};
	mux->payload_left = mux->frame.length;
	buf_clear(&mux->payload);
	return header_check(mux, err);
}

/* One step: fills the header, or passes on a piece of the payload.  Returns bytes used. */
static ssize_t receive_step(struct mux *mux, const char *at, size_t len, struct err *err)
{
	size_t take;

	if (mux->head_len < MUX_HEADER_SIZE) {
		take = MIN(len, MUX_HEADER_SIZE - mux->head_len);
		memcpy(mux->head + mux->head_len, at, take);
		mux->head_len += take;
		if (mux->head_len == MUX_HEADER_SIZE && header_take(mux, err) < 0)
			return -1;
	} else {
		take = MIN(len, mux->payload_left);
		mux->payload_left -= (uint32_t)take;
		if (mux->frame.type != MUX_DATA)
			buf_put(&mux->payload, at, take);
		else if (data_deliver(mux, (struct view){at, take}, err) < 0)
			return -1;
	}
	if (mux->head_len == MUX_HEADER_SIZE && mux->payload_left == 0) {
		mux->head_len = 0;
		if (frame_dispatch(mux, err) < 0)
			return -1;
	}
	return (ssize_t)take;
}

int mux_receive(struct mux *mux, const void *bytes, size_t len, struct err *err)
{
	const char *at = bytes;
	ssize_t used = 0;
	bool failed;

	mux_busy_enter(mux);
	while (len > 0 && used >= 0 && !mux->failed) {
		used = receive_step(mux, at, len, err);
		at += MAX(used, 0);
		len -= (size_t)MAX(used, 0);
	}
	failed = mux->failed;
	mux_busy_leave(mux);
	if (used < 0)
		return -1;
	if (failed)
		return err_set(err, ERR_LIMIT, "channel: the queue to the peer is full or broken");
	return 0;
}
