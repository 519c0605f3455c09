// SPDX-License-Identifier: MIT
/*
 * The pump: see channel.h.  One poll handle reads and, after a short write, waits for room; one
 * prepare handle writes what the turn has queued.
 *
 * Failure modes: end of file, a read or write error, a breach of the mux rules: the channel breaks
 * once, tells all streams and its owner, and stays silent.  On close the two handles' callbacks are
 * counted and the last frees the channel.
 */
#include "wire/channel.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_SIZE = 128 * 1024 };

struct channel {
	uv_poll_t poll;
	uv_prepare_t prepare;
	int fd;
	struct mux *mux;
	struct mux_ops mux_ops;
	const struct channel_ops *ops;
	void *ctx;
	bool waiting; /* for room to write */
	bool broken;
	unsigned handles;
	void (*done)(void *ctx);
	void *done_ctx;
	char *read_buf;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void poll_for(struct channel *channel, bool writable)
{
	channel->waiting = writable;
	uv_poll_start(&channel->poll, UV_READABLE | (writable ? UV_WRITABLE : 0), on_poll);
}

static void channel_break(struct channel *channel, const struct err *err)
{
	if (channel->broken)
		return;
	channel->broken = true;
	uv_poll_stop(&channel->poll);
	uv_prepare_stop(&channel->prepare);
	mux_free(STEAL(channel->mux));
	channel->ops->broken(channel->ctx, err);
}

void channel_flush(struct channel *channel)
{
	struct view out;
	struct err err;

	while (!channel->broken && (out = mux_output(channel->mux)).len > 0) {
		ssize_t done = write(channel->fd, out.ptr, out.len);

		if (done > 0) {
			mux_written(channel->mux, (size_t)done);
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0 || errno == EAGAIN) {
			if (!channel->waiting)
				poll_for(channel, true);
			return;
		}
		err_sys_(&err, errno, "channel: write");
		channel_break(channel, &err);
		return;
	}
	if (!channel->broken && channel->waiting)
		poll_for(channel, false);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct channel *channel = prepare->data;

	if (!channel->waiting)
		channel_flush(channel);
}

/* Reads until the buffer is full or nothing is there: a virtio-serial port gives one page a read,
 * and what the streams' owners do is the cheaper the larger their pieces are.  Returns false at the
 * end of the stream or with `err`, after what came before. */
static bool read_batch(struct channel *channel, size_t *ret_len, struct err *err)
{
	size_t len = 0;

	while (len < READ_SIZE) {
		ssize_t got = read(channel->fd, channel->read_buf + len, READ_SIZE - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0) {
			len += (size_t)got;
			continue;
		}
		*ret_len = len;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got < 0)
			err_sys_(err, errno, "channel: read");
		else
			err_set_(err, ERR_IO, "channel: closed by the peer");
		return false;
	}
	*ret_len = len;
	return true;
}

static void on_readable(struct channel *channel)
{
	struct err end, err;
	size_t len;
	bool open = read_batch(channel, &len, &end);

	if (mux_receive(channel->mux, channel->read_buf, len, &err) < 0)
		channel_break(channel, &err);
	else if (!open)
		channel_break(channel, &end);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct channel *channel = poll->data;

	/* After an error (the peer died with unread bytes) libuv has stopped; what came before the
	 * error is read first, then it shows in read by its name. */
	if (status < 0 || (events & UV_READABLE))
		on_readable(channel);
	if (status < 0 && !channel->broken)
		poll_for(channel, channel->waiting);
	if ((events & UV_WRITABLE) && !channel->broken)
		channel_flush(channel);
}

static void on_output(void *ctx)
{
	(void)ctx; /* the prepare handle looks at every turn */
}

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct channel *channel = ctx;

	channel->ops->opened(channel->ctx, stream, kind, request);
}

int channel_open(uv_loop_t *loop, int fd, enum mux_side side, const struct channel_ops *ops,
		 void *ctx, struct channel **ret_channel, struct err *err)
{
	struct channel *channel = xcalloc(1, sizeof(*channel));
	int status = uv_poll_init(loop, &channel->poll, fd);

	if (status < 0) {
		free(channel);
		return err_set(err, ERR_IO, "channel: %s", uv_strerror(status));
	}
	uv_prepare_init(loop, &channel->prepare);
	channel->poll.data = channel->prepare.data = channel;
	channel->fd = fd;
	channel->ops = ops;
	channel->ctx = ctx;
	channel->handles = 2;
	channel->mux_ops.output = on_output;
	if (ops->opened)
		channel->mux_ops.opened = on_opened;
	channel->mux =
		mux_new(side, side == MUX_HOST ? LIMIT_MESSAGE_TO_HOST : LIMIT_MESSAGE_TO_GUEST,
			&channel->mux_ops, channel);
	channel->read_buf = xcalloc(1, READ_SIZE);
	poll_for(channel, false);
	uv_prepare_start(&channel->prepare, on_prepare);
	*ret_channel = channel;
	return 0;
}

struct mux *channel_mux(struct channel *channel)
{
	return channel->mux;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct channel *channel = handle->data;

	if (--channel->handles > 0)
		return;
	if (channel->done)
		channel->done(channel->done_ctx);
	free(channel->read_buf);
	free(channel);
}

void channel_close(struct channel *channel, void (*done)(void *ctx), void *ctx)
{
	if (!channel)
		return;
	channel->broken = true;
	channel->done = done;
	channel->done_ctx = ctx;
	mux_free(STEAL(channel->mux));
	uv_close((uv_handle_t *)&channel->poll, on_handle_closed);
	uv_close((uv_handle_t *)&channel->prepare, on_handle_closed);
}
