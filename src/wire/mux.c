// SPDX-License-Identifier: MIT
/*
 * The multiplexer: see mux.h for the frames and the rules.
 *
 * Happy path: mux_receive() cuts the input into frames; DATA goes to the stream's owner slice by
 * slice without a copy, OPEN and MESSAGE are gathered first.  Output is one flat queue that is
 * emptied by the channel; reading a pipe straight into it costs one copy in all.
 *
 * Failure modes: any breach by the peer fails mux_receive() with ERR_PROTOCOL, for good.  A queue
 * that overruns LIMIT_CHANNEL_QUEUE (only messages can, data is held back long before) fails it
 * too.
 *
 * Life of a stream: it is in the table from OPEN until both sides have sent CLOSE.  Owners may
 * close any stream from any callback, so while callbacks run (`busy`) a stream is only marked dead
 * and is freed afterwards.
 */
#include "wire/mux.h"

#include "base/alloc.h"
#include "wire/mux_internal.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct mux *mux_new(enum mux_side side, size_t max_message, const struct mux_ops *ops, void *ctx)
{
	struct mux *mux = xcalloc(1, sizeof(*mux));

	mux->ops = ops;
	mux->ctx = ctx;
	mux->side = side;
	mux->max_message = max_message;
	mux->next_id = side == MUX_HOST ? 1 : 2;
	mux->payload = (struct buf)BUF_INIT(max_message);
	mux->out = (struct buf)BUF_INIT(LIMIT_CHANNEL_QUEUE);
	return mux;
}

/* --- the table of streams --- */

static struct mux_stream **bucket_of(struct mux *mux, uint32_t id)
{
	return &mux->buckets[(id >> 1) % BUCKETS];
}

struct mux_stream *mux_stream_find(struct mux *mux, uint32_t id)
{
	for (struct mux_stream *s = *bucket_of(mux, id); s; s = s->next) {
		if (s->id == id && !s->dead)
			return s;
	}
	return NULL;
}

struct mux_stream *mux_stream_new(struct mux *mux, uint32_t id)
{
	struct mux_stream *stream = xcalloc(1, sizeof(*stream));
	struct mux_stream **bucket = bucket_of(mux, id);

	stream->mux = mux;
	stream->id = id;
	mux_set_credit(stream, LIMIT_STREAM_CREDIT);
	stream->next = *bucket;
	*bucket = stream;
	mux->stream_count++;
	return stream;
}

void mux_set_credit(struct mux_stream *stream, uint32_t credit)
{
	stream->credit = credit;
	for (size_t i = 0; i < MUX_CHANNELS; i++)
		stream->half[i].send_credit = stream->half[i].recv_credit = credit;
}

void mux_set_blocked(struct mux_stream *stream, unsigned channel, bool blocked)
{
	struct mux_half *half = &stream->half[channel];

	if (half->blocked == blocked)
		return;
	half->blocked = blocked;
	if (blocked)
		stream->mux->blocked_count++;
	else
		stream->mux->blocked_count--;
}

static void stream_free_dead(struct mux *mux)
{
	mux->sweep = false;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct mux_stream **at = &mux->buckets[i];

		while (*at) {
			struct mux_stream *stream = *at;

			if (!stream->dead) {
				at = &stream->next;
				continue;
			}
			*at = stream->next;
			free(stream);
		}
	}
}

void mux_stream_release(struct mux_stream *stream)
{
	struct mux *mux = stream->mux;

	for (unsigned i = 0; i < MUX_CHANNELS; i++)
		mux_set_blocked(stream, i, false);
	stream->dead = true;
	mux->stream_count--;
	mux->sweep = true;
	if (mux->busy == 0)
		stream_free_dead(mux);
}

void mux_busy_enter(struct mux *mux)
{
	mux->busy++;
}

void mux_busy_leave(struct mux *mux)
{
	if (--mux->busy > 0)
		return;
	if (mux->sweep)
		stream_free_dead(mux);
	if (mux->freed) {
		buf_done(&mux->payload);
		buf_done(&mux->out);
		free(mux);
	}
}

void mux_free(struct mux *mux)
{
	if (!mux)
		return;
	mux_busy_enter(mux);
	mux->failed = mux->freed = true;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct mux_stream *s = mux->buckets[i]; s; s = s->next) {
			bool tell = !s->dead && !s->remote_closed && s->ops;

			s->remote_closed = true;
			if (tell)
				s->ops->closed(s->ctx);
		}
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct mux_stream *s = mux->buckets[i]; s; s = s->next)
			s->dead = true;
	}
	mux->sweep = true;
	mux_busy_leave(mux);
}

bool mux_is_ending(const struct mux_stream *stream)
{
	return stream->mux->failed;
}

/* --- output --- */

static void header_write(char *at, uint32_t stream, uint8_t type, uint8_t channel, size_t length)
{
	uint32_t le_stream = htole32(stream), le_length = htole32((uint32_t)length);

	memcpy(at, &le_stream, 4);
	at[4] = (char)type;
	at[5] = (char)channel;
	at[6] = at[7] = 0;
	memcpy(at + 8, &le_length, 4);
}

static void frame_put(struct mux_stream *stream, uint8_t type, uint8_t channel, struct view payload)
{
	struct mux *mux = stream->mux;
	char *room = buf_reserve(&mux->out, MUX_HEADER_SIZE + payload.len);

	if (!room) {
		mux->failed = true;
		return;
	}
	header_write(room, stream->id, type, channel, payload.len);
	if (payload.len)
		memcpy(room + MUX_HEADER_SIZE, payload.ptr, payload.len);
	buf_added(&mux->out, MUX_HEADER_SIZE + payload.len);
	mux->ops->output(mux->ctx);
}

struct view mux_output(const struct mux *mux)
{
	return (struct view){mux->out.ptr + mux->out_sent, mux->out.len - mux->out_sent};
}

/* Tells the owners that were refused room that there is some again. */
static void wake_blocked(struct mux *mux)
{
	mux_busy_enter(mux);
	for (size_t i = 0; i < BUCKETS && mux->blocked_count > 0; i++) {
		for (struct mux_stream *s = mux->buckets[i]; s; s = s->next) {
			for (unsigned c = 0; c < MUX_CHANNELS && !s->dead; c++) {
				if (!s->half[c].blocked || s->half[c].send_credit == 0)
					continue;
				mux_set_blocked(s, c, false);
				if (s->ops && s->ops->writable)
					s->ops->writable(s->ctx, c);
			}
		}
	}
	mux_busy_leave(mux);
}

void mux_written(struct mux *mux, size_t len)
{
	size_t left;

	mux->out_sent += len;
	left = mux->out.len - mux->out_sent;
	if (left == 0) {
		buf_clear(&mux->out);
		mux->out_sent = 0;
	} else if (mux->out_sent > BACKLOG_MAX && mux->out_sent > left) {
		buf_consume(&mux->out, mux->out_sent);
		mux->out_sent = 0;
	}
	if (left <= BACKLOG_LOW && mux->blocked_count > 0)
		wake_blocked(mux);
}

int mux_open(struct mux *mux, uint8_t kind, struct view request, const struct mux_stream_ops *ops,
	     void *ctx, struct mux_stream **ret_stream, struct err *err)
{
	size_t max = mux->side == MUX_HOST ? LIMIT_MESSAGE_TO_GUEST : LIMIT_MESSAGE_TO_HOST;
	struct mux_stream *stream;

	if (mux->stream_count >= LIMIT_STREAMS)
		return err_set(err, ERR_LIMIT, "more than %d streams are open", LIMIT_STREAMS);
	if (request.len > max)
		return err_set(err, ERR_LIMIT, "request of %zu bytes is over the limit of %zu",
			       request.len, max);
	stream = mux_stream_new(mux, mux->next_id);
	mux->next_id += 2;
	mux_accept(stream, ops, ctx);
	frame_put(stream, MUX_OPEN, kind, request);
	*ret_stream = stream;
	return 0;
}

void mux_accept(struct mux_stream *stream, const struct mux_stream_ops *ops, void *ctx)
{
	stream->ops = ops;
	stream->ctx = ctx;
}

char *mux_reserve(struct mux_stream *stream, unsigned channel, size_t *ret_room)
{
	struct mux *mux = stream->mux;
	struct mux_half *half = &stream->half[channel];
	uint32_t frame = mux->side == MUX_HOST ? LIMIT_FRAME_TO_GUEST : LIMIT_FRAME_TO_HOST;
	size_t room = MIN(half->send_credit, frame);
	char *at;

	assert(!stream->local_closed && !half->send_ended);
	if (stream->remote_closed)
		return NULL;
	if (room == 0 || mux_output(mux).len > BACKLOG_MAX) {
		mux_set_blocked(stream, channel, true);
		return NULL;
	}
	at = buf_reserve(&mux->out, MUX_HEADER_SIZE + room);
	if (!at) {
		mux->failed = true;
		return NULL;
	}
	*ret_room = room;
	return at + MUX_HEADER_SIZE;
}

void mux_commit(struct mux_stream *stream, unsigned channel, size_t len)
{
	struct mux *mux = stream->mux;

	if (len == 0)
		return;
	assert(len <= stream->half[channel].send_credit);
	stream->half[channel].send_credit -= (uint32_t)len;
	header_write(mux->out.ptr + mux->out.len, stream->id, MUX_DATA, (uint8_t)channel, len);
	buf_added(&mux->out, MUX_HEADER_SIZE + len);
	mux->ops->output(mux->ctx);
}

size_t mux_send(struct mux_stream *stream, unsigned channel, const void *bytes, size_t len)
{
	size_t done = 0, room;
	char *at;

	while (done < len && (at = mux_reserve(stream, channel, &room))) {
		room = MIN(room, len - done);
		memcpy(at, (const char *)bytes + done, room);
		mux_commit(stream, channel, room);
		done += room;
	}
	return done;
}

void mux_end(struct mux_stream *stream, unsigned channel)
{
	if (stream->half[channel].send_ended || stream->local_closed)
		return;
	stream->half[channel].send_ended = true;
	mux_set_blocked(stream, channel, false);
	frame_put(stream, MUX_END, (uint8_t)channel, (struct view){"", 0});
}

void mux_message(struct mux_stream *stream, uint8_t type, struct view payload)
{
	assert(!stream->local_closed);
	frame_put(stream, MUX_MESSAGE, type, payload);
}

void mux_consumed(struct mux_stream *stream, unsigned channel, size_t len)
{
	struct mux_half *half = &stream->half[channel];
	uint32_t le;

	half->unreported += (uint32_t)len;
	if (half->unreported < stream->credit / CREDIT_PARTS || half->recv_ended ||
	    stream->local_closed || stream->remote_closed)
		return;
	le = htole32(half->unreported);
	half->recv_credit += half->unreported;
	half->unreported = 0;
	frame_put(stream, MUX_CREDIT, (uint8_t)channel, (struct view){(char *)&le, 4});
}

void mux_close(struct mux_stream *stream)
{
	assert(!stream->local_closed);
	frame_put(stream, MUX_CLOSE, 0, (struct view){"", 0});
	stream->local_closed = true;
	stream->ops = NULL;
	if (stream->remote_closed)
		mux_stream_release(stream);
}
