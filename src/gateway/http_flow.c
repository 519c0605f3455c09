// SPDX-License-Identifier: MIT
/*
 * The HTTP flow, its life: see http_flow.h; what passes is http_exchange.c's.
 *
 * Happy path: a side is read only when what was read before is gone, and the other side has taken
 * it; so each holds at most one head and one chunk.  An idle flow holds no buffer.
 * The end: LAST writes what the guest has still to get, then the end; LINGER reads on for a moment,
 * since closing with unread bytes would take the answer away.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/http_flow_internal.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/http_answer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	CHUNK = 64 * 1024,
	UNUSUAL = UV_DISCONNECT | UV_PRIORITIZED, /* show the errors of a side that is not read */
};

/* --- the end --- */

static void drop_holder(struct http_flow *flow)
{
	if (--flow->holders > 0)
		return;
	free(flow->error);
	free(flow);
}

static void on_timer_closed(uv_handle_t *handle)
{
	drop_holder(handle->data);
}

static void on_poll_closed(uv_handle_t *handle)
{
	drop_holder(((struct http_side *)handle->data)->flow);
}

static void side_close(struct http_side *side, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	buf_done(&side->in);
	buf_done(&side->out);
	if (side->polled)
		uv_close((uv_handle_t *)&side->poll, on_poll_closed);
	side->polled = false;
	if (side->fd < 0)
		return;
	if (reset)
		setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(STEAL_FD(side->fd));
}

static void close_all(struct http_flow *flow, bool reset)
{
	if (flow->state == HTTP_FLOW_OVER)
		return;
	flow->state = HTTP_FLOW_OVER;
	for (size_t i = 0; i < HTTP_SIDES; i++)
		side_close(&flow->sides[i], reset);
	http1_body_done(&flow->request);
	http1_body_done(&flow->response);
	uv_close((uv_handle_t *)&flow->timer, on_timer_closed);
}

void http_flow_note(struct http_flow *flow, const char *error)
{
	if (!flow->error)
		flow->result.error = flow->error = xstrdup(error);
}

void http_flow_end(struct http_flow *flow, bool reset)
{
	close_all(flow, reset);
	flow->owner.ended(flow->owner.ctx, &flow->result);
}

/* Both sides are reset. */
void http_flow_cut_off(struct http_flow *flow, const char *error)
{
	http_flow_note(flow, error);
	http_flow_end(flow, true);
}

/* --- time --- */

static void on_timer(uv_timer_t *timer);
static void turn(struct http_flow *flow);

void http_flow_allow_ms(struct http_flow *flow, uint64_t ms)
{
	flow->limit_ms = ms;
	flow->since_ms = uv_now(flow->timer.loop);
	uv_timer_start(&flow->timer, on_timer, ms, 0);
}

/* Between requests it ends like a server that has waited long enough. */
static void on_late(struct http_flow *flow)
{
	switch (flow->state) {
	case HTTP_FLOW_HEAD:
		http_flow_note(flow, "no request for too long");
		http_flow_finish(flow);
		turn(flow);
		break;
	case HTTP_FLOW_LINGER:
		http_flow_end(flow, false);
		break;
	default:
		http_flow_cut_off(flow, "no byte for too long");
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct http_flow *flow = timer->data;
	uint64_t gone = uv_now(timer->loop) - flow->since_ms;

	if (gone < flow->limit_ms)
		uv_timer_start(timer, on_timer, flow->limit_ms - gone, 0);
	else
		on_late(flow);
}

/* --- bytes --- */

/* The only two that know what a side is: bytes, 0 for its end, -1 with errno. */
static ssize_t side_read(struct http_side *side, char *space, size_t size)
{
	return recv(side->fd, space, size, 0);
}

static ssize_t side_write(struct http_side *side, struct view bytes)
{
	return send(side->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
}

bool http_side_is_guest(const struct http_side *side)
{
	return side == &side->flow->sides[HTTP_GUEST];
}

struct http_side *http_side_other(const struct http_side *side)
{
	return &side->flow->sides[http_side_is_guest(side) ? HTTP_SERVER : HTTP_GUEST];
}

/* A server that takes no more may have answered already. */
static void on_broken(struct http_side *side)
{
	if (http_side_is_guest(side) || side->flow->state != HTTP_FLOW_EXCHANGE) {
		http_flow_cut_off(side->flow, http_side_is_guest(side) ? "reset by the guest"
								       : "reset by the server");
		return;
	}
	side->flow->cut = true;
	buf_done(&side->out);
}

/* Writes as many as the side takes at once. */
static size_t write_some(struct http_side *side, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = side_write(side, (struct view){bytes.ptr + done, bytes.len - done});

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			on_broken(side);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done > 0)
		side->flow->since_ms = uv_now(side->flow->timer.loop);
	return done;
}

static void flush(struct http_side *side)
{
	size_t done = write_some(side, (struct view){side->out.ptr, side->out.len});

	buf_consume(&side->out, MIN(done, side->out.len)); /* a broken one has nothing any more */
	if (side->out.len == 0)
		buf_done(&side->out);
}

void http_side_pass(struct http_side *from, size_t len)
{
	struct http_flow *flow = from->flow;
	struct http_side *to = http_side_other(from);
	size_t done = 0;

	if (http_side_is_guest(from)) {
		flow->result.sent += len;
		flow->counters->sent += len;
	} else {
		flow->result.received += len;
		flow->counters->received += len;
		flow->answered = true;
	}
	if (to->out.len == 0)
		done = write_some(to, (struct view){from->in.ptr, len});
	if (flow->state == HTTP_FLOW_OVER)
		return;
	if (!(http_side_is_guest(from) && flow->cut))
		buf_put(&to->out, from->in.ptr + done, len - done);
	buf_consume(&from->in, len);
	if (from->in.len == 0)
		buf_done(&from->in);
}

/* The guest gets what is left for it, and the end; the server has no more to do with it. */
void http_flow_finish(struct http_flow *flow)
{
	flow->state = HTTP_FLOW_LAST;
	buf_done(&flow->sides[HTTP_GUEST].in);
	side_close(&flow->sides[HTTP_SERVER], false);
	http_flow_allow_ms(flow, LIMIT_HTTP_LAST_MS);
}

/* --- events --- */

static bool wants(const struct http_side *side)
{
	const struct http_flow *flow = side->flow;

	if (side->ended)
		return false;
	switch (flow->state) {
	case HTTP_FLOW_HEAD:
		return true;
	case HTTP_FLOW_EXCHANGE:
		if (http_side_is_guest(side) && (flow->cut || flow->request.done))
			return false;
		return http_side_other(side)->out.len == 0;
	case HTTP_FLOW_UPGRADED:
		return http_side_other(side)->out.len == 0;
	case HTTP_FLOW_LINGER:
		return http_side_is_guest(side);
	default:
		return false;
	}
}

static void on_read_error(struct http_side *side)
{
	struct http_flow *flow = side->flow;

	if (flow->state == HTTP_FLOW_LINGER)
		http_flow_end(flow, false);
	else if (http_side_is_guest(side))
		http_flow_cut_off(flow, "reset by the guest");
	else if (flow->state == HTTP_FLOW_EXCHANGE)
		http_exchange_server_failed(flow, "reset by the server");
	else if (flow->state == HTTP_FLOW_HEAD)
		side->ended = true;
	else
		http_flow_cut_off(flow, "reset by the server");
}

/* By way of the stack, so that many heads that come slowly take no more than what is there. */
static void pull(struct http_side *side)
{
	struct http_flow *flow = side->flow;
	bool first = side->in.len == 0;
	char chunk[CHUNK];
	ssize_t len = side_read(side, chunk, sizeof(chunk));

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		on_read_error(side);
	else if (len == 0)
		side->ended = true;
	if (len <= 0 || flow->state == HTTP_FLOW_LINGER)
		return;
	buf_put(&side->in, chunk, (size_t)len);
	assert(!side->in.failed); /* nothing is read before most of a head is gone */
	if (flow->state == HTTP_FLOW_HEAD && first && http_side_is_guest(side))
		http_flow_allow_ms(flow, LIMIT_HTTP_HEAD_MS);
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct http_side *side)
{
	int events = wants(side) ? UV_READABLE : 0;

	if (!side->polled)
		return;
	if (side->out.len > 0)
		events |= UV_WRITABLE;
	if (events == 0)
		events = side->unusual;
	if (events == side->watched)
		return;
	side->watched = events;
	if (events == 0)
		uv_poll_stop(&side->poll);
	else
		uv_poll_start(&side->poll, events, on_ready);
}

static void turn(struct http_flow *flow)
{
	http_exchange_advance(flow);
	for (size_t i = 0; i < HTTP_SIDES; i++)
		watch(&flow->sides[i]);
}

/* An error, after which libuv watches no more.  What the server has said before it is read when it
 * is wanted. */
static void on_error(struct http_side *side)
{
	side->watched = side->unusual = 0;
	if (side->out.len == 0 && !wants(side) && http_side_is_guest(side))
		http_flow_cut_off(side->flow, "reset by the guest");
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct http_side *side = poll->data;

	side->unusual &= ~events;
	if (status < 0)
		on_error(side);
	if (status < 0 || (events & UV_WRITABLE))
		flush(side);
	if ((status < 0 || (events & UV_READABLE)) && wants(side))
		pull(side);
	turn(side->flow);
}

/* --- open and close --- */

static int side_open(struct http_flow *flow, size_t which, int fd, struct err *err)
{
	struct http_side *side = &flow->sides[which];
	const int yes = 1;
	int status = uv_poll_init(flow->timer.loop, &side->poll, fd);

	side->fd = fd;
	if (status < 0)
		return err_set(err, ERR_IO, "watch a connection: %s", uv_strerror(status));
	side->polled = true;
	side->poll.data = side;
	side->unusual = UNUSUAL;
	flow->holders++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return 0;
}

static void on_begin(uv_timer_t *timer)
{
	struct http_flow *flow = timer->data;

	http_exchange_await(flow);
	turn(flow);
}

int http_flow_open(uv_loop_t *loop, const struct http_flow_spec *spec,
		   const struct http_flow_owner *owner, struct http_flow **ret_flow,
		   struct err *err)
{
	struct http_flow *flow = xcalloc(1, sizeof(*flow));
	struct buf *in = &flow->sides[HTTP_GUEST].in;
	int guest, server = 0;

	for (size_t i = 0; i < HTTP_SIDES; i++)
		flow->sides[i] = (struct http_side){.flow = flow,
						    .fd = -1,
						    .in = BUF_INIT(LIMIT_TUNNEL_HELD + CHUNK),
						    .out = BUF_INIT(2 * LIMIT_TUNNEL_HELD)};
	flow->owner = *owner;
	flow->counters = spec->counters;
	uv_timer_init(loop, &flow->timer);
	flow->timer.data = flow;
	flow->holders = 2;
	guest = side_open(flow, HTTP_GUEST, spec->guest_fd, err);
	if (spec->server_fd >= 0)
		server = side_open(flow, HTTP_SERVER, spec->server_fd, err);
	buf_put(in, spec->first.ptr, spec->first.len);
	if (guest < 0 || server < 0 || buf_check(in, "what the guest has said", err) < 0) {
		http_flow_close(flow);
		return -1;
	}
	uv_timer_start(&flow->timer, on_begin, 0, 0);
	*ret_flow = flow;
	return 0;
}

void http_flow_serve(struct http_flow *flow, int server_fd)
{
	struct err err;

	assert(flow->state == HTTP_FLOW_CONNECT);
	if (side_open(flow, HTTP_SERVER, server_fd, &err) < 0)
		http_exchange_fail(flow, HTTP_ANSWER_BAD_GATEWAY, err.msg);
	else
		http_exchange_begin(flow);
	turn(flow);
}

void http_flow_deny(struct http_flow *flow, const struct policy_verdict *verdict)
{
	assert(flow->state == HTTP_FLOW_CONNECT);
	http_exchange_deny(flow, verdict);
	turn(flow);
}

void http_flow_fail(struct http_flow *flow, unsigned status, const char *why)
{
	assert(flow->state == HTTP_FLOW_CONNECT);
	http_exchange_fail(flow, status, why);
	turn(flow);
}

void http_flow_count(const struct http_flow *flow, struct tunnel_result *ret_result)
{
	ret_result->sent = flow->result.sent;
	ret_result->received = flow->result.received;
}

void http_flow_close(struct http_flow *flow)
{
	if (!flow)
		return;
	close_all(flow, true);
	drop_holder(flow);
}
