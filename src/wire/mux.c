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
#include "base/limits.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 256,
	/* Data is accepted while less than this waits to be written. */
	BACKLOG_MAX = 256 * 1024,
	BACKLOG_LOW = 64 * 1024,
	/* The receiver reports credit when this much has been passed on. */
	CREDIT_STEP = LIMIT_STREAM_CREDIT / 4,
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

static struct mux_stream *stream_find(struct mux *mux, uint32_t id)
{
	for (struct mux_stream *s = *bucket_of(mux, id); s; s = s->next) {
		if (s->id == id && !s->dead)
			return s;
	}
	return NULL;
}

static struct mux_stream *stream_new(struct mux *mux, uint32_t id)
{
	struct mux_stream *stream = xcalloc(1, sizeof(*stream));
	struct mux_stream **bucket = bucket_of(mux, id);

	stream->mux = mux;
	stream->id = id;
	for (size_t i = 0; i < MUX_CHANNELS; i++) {
		stream->half[i].send_credit = LIMIT_STREAM_CREDIT;
		stream->half[i].recv_credit = LIMIT_STREAM_CREDIT;
	}
	stream->next = *bucket;
	*bucket = stream;
	mux->stream_count++;
	return stream;
}

static void set_blocked(struct mux_stream *stream, unsigned channel, bool blocked)
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

static void stream_release(struct mux_stream *stream)
{
	struct mux *mux = stream->mux;

	for (unsigned i = 0; i < MUX_CHANNELS; i++)
		set_blocked(stream, i, false);
	stream->dead = true;
	mux->stream_count--;
	mux->sweep = true;
	if (mux->busy == 0)
		stream_free_dead(mux);
}

static void busy_enter(struct mux *mux)
{
	mux->busy++;
}

static void busy_leave(struct mux *mux)
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
	busy_enter(mux);
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
	busy_leave(mux);
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
	busy_enter(mux);
	for (size_t i = 0; i < BUCKETS && mux->blocked_count > 0; i++) {
		for (struct mux_stream *s = mux->buckets[i]; s; s = s->next) {
			for (unsigned c = 0; c < MUX_CHANNELS && !s->dead; c++) {
				if (!s->half[c].blocked || s->half[c].send_credit == 0)
					continue;
				set_blocked(s, c, false);
				if (s->ops && s->ops->writable)
					s->ops->writable(s->ctx, c);
			}
		}
	}
	busy_leave(mux);
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
	stream = stream_new(mux, mux->next_id);
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
	size_t room = MIN(half->send_credit, (uint32_t)LIMIT_FRAME_DATA);
	char *at;

	assert(!stream->local_closed && !half->send_ended);
	if (stream->remote_closed)
		return NULL;
	if (room == 0 || mux_output(mux).len > BACKLOG_MAX) {
		set_blocked(stream, channel, true);
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
	if (half->unreported < CREDIT_STEP || half->recv_ended || stream->local_closed ||
	    stream->remote_closed)
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
		stream_release(stream);
}

/* --- input --- */

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
		return mux->frame.length > 0 && mux->frame.length <= LIMIT_FRAME_DATA;
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
	struct mux_stream *stream = stream_find(mux, f->stream);

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
	struct mux_stream *stream = stream_new(mux, mux->frame.stream);

	mux->last_peer_id = mux->frame.stream;
	mux->ops->opened(mux->ctx, stream, mux->frame.channel,
			 (struct view){mux->payload.ptr, mux->payload.len});
}

static int frame_credit(struct mux *mux, struct mux_stream *stream, struct err *err)
{
	struct mux_half *half = &stream->half[mux->frame.channel];
	uint32_t le, sum;

	memcpy(&le, mux->payload.ptr, 4);
	if (__builtin_add_overflow(half->send_credit, le32toh(le), &sum) ||
	    sum > LIMIT_STREAM_CREDIT)
		return breach(mux, err, "too much credit");
	half->send_credit = sum;
	if (half->blocked && sum > 0 && mux_output(mux).len <= BACKLOG_LOW) {
		set_blocked(stream, mux->frame.channel, false);
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
	stream = stream_find(mux, f->stream);
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
			stream_release(stream);
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
	struct mux_stream *stream = stream_find(mux, mux->frame.stream);

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

	busy_enter(mux);
	while (len > 0 && used >= 0 && !mux->failed) {
		used = receive_step(mux, at, len, err);
		at += MAX(used, 0);
		len -= (size_t)MAX(used, 0);
	}
	failed = mux->failed;
	busy_leave(mux);
	if (used < 0)
		return -1;
	if (failed)
		return err_set(err, ERR_LIMIT, "channel: the queue to the peer is full or broken");
	return 0;
}
