// SPDX-License-Identifier: MIT
/*
 * DNS over TCP: see dns_tcp.h.
 *
 * Happy path: bytes are gathered until they are a query, which is given to the responder; answers
 * are written as they come.  Nothing is read while LIMIT_DNS_PIPELINED queries wait, or while the
 * guest leaves answers untaken.
 * Failure modes: what is no DNS message, an error of the socket, and a guest that takes longer than
 * LIMIT_DNS_IDLE_MS for its next query or answer, end the connection.
 * Close: a connection goes when libuv has let go of both handles and no query of it waits.
 */
#include "gateway/dns_tcp.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHUNK = 4096,
	LENGTH_SIZE = 2,
	FRAMED_MAX = LENGTH_SIZE + UINT16_MAX, /* an answer */
};

struct connection {
	struct dns_tcp *tcp;
	uv_poll_t poll;
	uv_timer_t idle;
	int fd; /* -1: it is closed */
	struct buf in, out;
	bool ended;		   /* the guest has said its last byte */
	bool busy;		   /* in go_on() */
	unsigned queries, holders; /* that wait; with libuv's handles */
	LIST_ENTRY(connection) link;
};

struct dns_tcp {
	uv_loop_t *loop;
	struct dns_responder *responder;
	LIST_HEAD(, connection) open;
	size_t count;
	bool closing;
};

/* --- ends --- */

static void drop_holder(struct connection *connection)
{
	struct dns_tcp *tcp = connection->tcp;

	if (--connection->holders > 0)
		return;
	free(connection);
	tcp->count--;
	if (tcp->closing && tcp->count == 0)
		free(tcp);
}

static void on_closed(uv_handle_t *handle)
{
	drop_holder(handle->data);
}

static void close_connection(struct connection *connection)
{
	if (connection->fd < 0)
		return;
	LIST_REMOVE(connection, link);
	uv_close((uv_handle_t *)&connection->poll, on_closed);
	uv_close((uv_handle_t *)&connection->idle, on_closed);
	buf_done(&connection->in);
	buf_done(&connection->out);
	close(STEAL_FD(connection->fd));
}

static void on_idle(uv_timer_t *timer);

/* Its time begins anew. */
static void rest(struct connection *connection)
{
	uv_timer_start(&connection->idle, on_idle, LIMIT_DNS_IDLE_MS, 0);
}

/* --- queries and answers --- */

/* False while some of it is left, and when the connection is closed. */
static bool write_out(struct connection *connection)
{
	struct buf *out = &connection->out;

	while (out->len > 0) {
		ssize_t n = send(connection->fd, out->ptr, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			close_connection(connection);
			return false;
		}
		buf_consume(out, (size_t)n);
		rest(connection);
	}
	buf_done(out);
	return true;
}

static void go_on(struct connection *connection);

static void on_answer(void *ctx, const struct dns_query *query, const struct dns_answer *answer)
{
	struct connection *connection = ctx;

	connection->queries--;
	if (connection->fd >= 0 && answer) {
		dns_answer(query, answer, DNS_TCP, &connection->out);
		go_on(connection);
	}
	drop_holder(connection);
}

/* Does it begin with the length of what is larger than any query?  So do other protocols. */
static bool is_too_long(const struct buf *in)
{
	const uint8_t *at = (const uint8_t *)in->ptr;

	return in->len >= LENGTH_SIZE && (at[0] << 8 | at[1]) > LIMIT_DNS_QUERY;
}

/* Gives the next query to the responder; false if there is none yet, or may be none. */
static bool take_query(struct connection *connection)
{
	struct buf *in = &connection->in;
	char query[LIMIT_DNS_QUERY];
	struct view message = {0};
	struct err err;
	ssize_t used;

	if (connection->queries >= LIMIT_DNS_PIPELINED)
		return false;
	used = is_too_long(in) ? -1 : dns_unframe((struct view){in->ptr, in->len}, &message, &err);
	if (used < 0)
		close_connection(connection);
	if (used <= 0)
		return false;
	memcpy(query, message.ptr, message.len);
	buf_consume(in, (size_t)used);
	message.ptr = query;
	connection->queries++;
	connection->holders++;
	rest(connection);
	if (dns_responder_ask(connection->tcp->responder, message, on_answer, connection))
		return true;
	connection->queries--;
	connection->holders--; /* libuv's are left */
	close_connection(connection);
	return false;
}

/* --- events --- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct connection *connection)
{
	bool wants_more = !connection->ended && connection->queries < LIMIT_DNS_PIPELINED &&
			  connection->out.len == 0;
	int events = (wants_more ? UV_READABLE : 0) | (connection->out.len > 0 ? UV_WRITABLE : 0);

	if (events == 0)
		uv_poll_stop(&connection->poll);
	else
		uv_poll_start(&connection->poll, events, on_ready);
}

/* As far as it goes now.  A query that is answered at once comes back here, and finds it busy. */
static void go_on(struct connection *connection)
{
	if (connection->busy)
		return;
	connection->busy = true;
	while (connection->fd >= 0 && write_out(connection) && take_query(connection))
		;
	connection->busy = false;
	if (connection->fd < 0)
		return;
	if (connection->ended && connection->queries == 0 && connection->out.len == 0)
		close_connection(connection);
	else
		watch(connection);
}

/* False: the connection is closed. */
static bool read_in(struct connection *connection)
{
	char chunk[CHUNK];
	ssize_t len = recv(connection->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (len < 0 && errno != EAGAIN && errno != EINTR) {
		close_connection(connection);
		return false;
	}
	if (len == 0)
		connection->ended = true;
	if (len > 0)
		buf_put(&connection->in, chunk, (size_t)len);
	return true;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct connection *connection = poll->data;

	if (status < 0)
		close_connection(connection);
	else if (!(events & UV_READABLE) || read_in(connection))
		go_on(connection);
}

/* Queries that wait are answered in time, by the resolver's own limit. */
static void on_idle(uv_timer_t *timer)
{
	struct connection *connection = timer->data;

	if (connection->queries > 0)
		rest(connection);
	else
		close_connection(connection);
}

/* --- open and close --- */

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

void dns_tcp_accept(struct dns_tcp *tcp, int fd)
{
	struct connection *connection;

	if (tcp->count >= LIMIT_DNS_CONNECTIONS) {
		reset(fd);
		return;
	}
	connection = xcalloc(1, sizeof(*connection));
	if (uv_poll_init(tcp->loop, &connection->poll, fd) < 0) {
		free(connection);
		reset(fd);
		return;
	}
	uv_timer_init(tcp->loop, &connection->idle);
	connection->poll.data = connection->idle.data = connection;
	connection->tcp = tcp;
	connection->fd = fd;
	connection->in = (struct buf)BUF_INIT(LENGTH_SIZE + LIMIT_DNS_QUERY + CHUNK);
	connection->out = (struct buf)BUF_INIT((size_t)LIMIT_DNS_PIPELINED * FRAMED_MAX);
	connection->holders = 2;
	tcp->count++;
	LIST_INSERT_HEAD(&tcp->open, connection, link);
	rest(connection);
	watch(connection);
}

struct dns_tcp *dns_tcp_new(uv_loop_t *loop, struct dns_responder *responder)
{
	struct dns_tcp *tcp = xcalloc(1, sizeof(*tcp));

	tcp->loop = loop;
	tcp->responder = responder;
	LIST_INIT(&tcp->open);
	return tcp;
}

void dns_tcp_close(struct dns_tcp *tcp)
{
	struct connection *connection;

	tcp->closing = true;
	while ((connection = LIST_FIRST(&tcp->open)))
		close_connection(connection);
	if (tcp->count == 0)
		free(tcp);
}
