// SPDX-License-Identifier: MIT
/*
 * A socket and a stream: see socket_relay.h.
 *
 * Happy path: what the socket says is read straight into frames while the stream has room; what the
 * stream brings is written at once, and what the socket does not take waits in a queue, which the
 * stream's credit bounds.  After END and the queue the socket is shut down for writing; once that
 * has happened and the socket has said its last, too, both are closed.
 * Failure modes: an error of the socket closes the stream without its ENDs; a stream that is closed
 * without its END resets the socket.  A stream whose END had come has said all: the queue is still
 * written.
 * Close: the descriptor goes at once, the memory when libuv has let go of the handle.
 */
#include "wire/socket_relay.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_SAYS = 0, GUEST_SAYS = 1, READS_PER_TURN = 8 };

struct socket_relay {
	uv_poll_t poll;
	int events; /* that are polled */
	int fd;
	struct mux_stream *stream; /* NULL once closed */
	const struct socket_relay_ops *ops;
	void *ctx;
	unsigned said, told; /* the channels of what the socket says and is told */
	bool connecting;
	bool blocked;	 /* `said` has no room */
	bool said_ended; /* the socket says no more, or nobody hears it */
	bool told_ended; /* no more comes for the socket, but the queue */
	bool shut;	 /* the socket knows that */
	struct buf queue;
};

/* --- the end --- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct socket_relay *relay = handle->data;

	buf_done(&relay->queue);
	free(relay);
}

static void let_go(struct socket_relay *relay)
{
	if (relay->stream)
		mux_close(relay->stream);
	relay->stream = NULL;
	uv_close((uv_handle_t *)&relay->poll, on_handle_closed);
	close(relay->fd);
}

void socket_relay_reset(struct socket_relay *relay)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(relay->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	let_go(relay);
}

static void reset(struct socket_relay *relay)
{
	socket_relay_reset(relay);
	relay->ops->ended(relay->ctx);
}

/* --- what is waited for --- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct socket_relay *relay)
{
	int events = 0;

	if (!relay->said_ended && !relay->blocked && !relay->connecting)
		events |= UV_READABLE;
	if (relay->queue.len > 0 || relay->connecting)
		events |= UV_WRITABLE;
	if (events == relay->events)
		return;
	relay->events = events;
	if (events)
		uv_poll_start(&relay->poll, events, on_poll);
	else
		uv_poll_stop(&relay->poll);
}

/* After each step: tells the socket of the end, ends, or waits. */
static void go_on(struct socket_relay *relay)
{
	if (relay->told_ended && relay->queue.len == 0 && !relay->connecting && !relay->shut) {
		shutdown(relay->fd, SHUT_WR);
		relay->shut = true;
	}
	if (!relay->said_ended || !relay->shut) {
		watch(relay);
		return;
	}
	let_go(relay);
	relay->ops->ended(relay->ctx);
}

/* --- from the socket --- */

/* Reads what is there; false: the connection is broken. */
static bool take(struct socket_relay *relay)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		size_t room;
		char *at = mux_reserve(relay->stream, relay->said, &room);
		ssize_t got;

		if (!at) {
			relay->blocked = true;
			return true;
		}
		got = recv(relay->fd, at, room, 0);
		mux_commit(relay->stream, relay->said, got > 0 ? (size_t)got : 0);
		if (got < 0)
			return errno == EAGAIN || errno == EINTR;
		if (got == 0) {
			relay->said_ended = true;
			mux_end(relay->stream, relay->said);
			return true;
		}
	}
	return true;
}

static void on_writable(void *ctx, unsigned channel)
{
	struct socket_relay *relay = ctx;

	if (channel != relay->said)
		return;
	relay->blocked = false;
	watch(relay);
}

/* --- to the socket --- */

/* Returns the bytes taken, or -1 when the connection is broken. */
static ssize_t give(const struct socket_relay *relay, struct view bytes)
{
	ssize_t done;

	do
		done = send(relay->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done < 0 && errno == EAGAIN)
		done = 0;
	if (done > 0 && relay->stream)
		mux_consumed(relay->stream, relay->told, (size_t)done);
	return done;
}

static bool give_queue(struct socket_relay *relay)
{
	ssize_t done = give(relay, (struct view){relay->queue.ptr, relay->queue.len});

	if (done < 0)
		return false;
	buf_consume(&relay->queue, (size_t)done);
	if (relay->queue.len == 0)
		buf_done(&relay->queue); /* there may be many that are idle */
	return true;
}

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct socket_relay *relay = ctx;
	ssize_t done = 0;

	if (channel != relay->told) /* nothing is said there */
		return;
	if (relay->queue.len == 0 && !relay->connecting)
		done = give(relay, bytes);
	if (done >= 0)
		buf_put(&relay->queue, bytes.ptr + done, bytes.len - (size_t)done);
	if (done < 0 || relay->queue.failed)
		reset(relay);
	else
		watch(relay);
}

static void on_end(void *ctx, unsigned channel)
{
	struct socket_relay *relay = ctx;

	if (channel != relay->told)
		return;
	relay->told_ended = true;
	go_on(relay);
}

/* --- the rest of the stream --- */

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct socket_relay *relay = ctx;

	if (relay->ops->message)
		relay->ops->message(relay->ctx, type, payload);
}

static void on_closed(void *ctx)
{
	struct socket_relay *relay = ctx;

	if (!relay->told_ended) {
		reset(relay);
		return;
	}
	mux_close(relay->stream);
	relay->stream = NULL;
	relay->said_ended = true;
	go_on(relay);
}

static const struct mux_stream_ops stream_ops = {
	.data = on_data,
	.end = on_end,
	.message = on_message,
	.writable = on_writable,
	.closed = on_closed,
};

/* --- the loop --- */

static void on_connected(struct socket_relay *relay)
{
	int errnum = 0;
	socklen_t size = sizeof(errnum);

	if (getsockopt(relay->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0)
		errnum = errno;
	relay->connecting = false;
	if (errnum == 0) {
		go_on(relay);
		return;
	}
	relay->ops->unconnected(relay->ctx, STEAL(relay->stream), errnum);
	reset(relay);
}

/* After an error libuv has stopped: what is tried next tells which. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct socket_relay *relay = poll->data;
	bool fine = true;

	if (status < 0) {
		events = relay->events;
		relay->events = 0;
	}
	if (relay->connecting) {
		on_connected(relay);
		return;
	}
	if ((events & UV_READABLE) && !relay->said_ended && !relay->blocked)
		fine = take(relay);
	if (fine && relay->queue.len > 0)
		fine = give_queue(relay);
	if (fine)
		go_on(relay);
	else
		reset(relay);
}

/* --- the beginning --- */

static struct socket_relay *relay_new(const struct socket_relay_end *end, enum mux_side side)
{
	struct socket_relay *relay = xcalloc(1, sizeof(*relay));

	relay->fd = end->fd;
	relay->connecting = end->connecting;
	relay->ops = end->ops;
	relay->ctx = end->ctx;
	relay->said = side == MUX_HOST ? HOST_SAYS : GUEST_SAYS;
	relay->told = side == MUX_HOST ? GUEST_SAYS : HOST_SAYS;
	relay->queue = (struct buf)BUF_INIT(end->credit);
	return relay;
}

/* Small writes are not held back, and a peer that has vanished is noticed one day. */
static int relay_start(struct socket_relay *relay, const struct socket_relay_end *end,
		       struct mux_stream *stream, struct err *err)
{
	int status = uv_poll_init(end->loop, &relay->poll, relay->fd);

	if (status < 0)
		return err_set(err, ERR_IO, "watch a connection: %s", uv_strerror(status));
	relay->poll.data = relay;
	relay->stream = stream;
	mux_set_credit(stream, end->credit);
	setsockopt(relay->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	setsockopt(relay->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	watch(relay);
	return 0;
}

int socket_relay_open(const struct socket_relay_end *end, struct mux *mux, uint8_t kind,
		      struct view request, struct socket_relay **ret_relay, struct err *err)
{
	struct socket_relay *relay = relay_new(end, MUX_HOST);
	struct mux_stream *stream;

	if (mux_open(mux, kind, request, &stream_ops, relay, &stream, err) < 0) {
		free(relay);
		return -1;
	}
	if (relay_start(relay, end, stream, err) < 0) {
		mux_close(stream);
		free(relay);
		return -1;
	}
	*ret_relay = relay;
	return 0;
}

int socket_relay_accept(const struct socket_relay_end *end, struct mux_stream *stream,
			struct err *err)
{
	struct socket_relay *relay = relay_new(end, MUX_GUEST);

	if (relay_start(relay, end, stream, err) < 0) {
		free(relay);
		return -1;
	}
	mux_accept(stream, &stream_ops, relay);
	return 0;
}
