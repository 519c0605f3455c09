// SPDX-License-Identifier: MIT
/*
 * The HTTP flow: see http_flow.h.
 *
 * Happy path: HEAD reads a request; once it is judged, EXCHANGE passes it and its response, each
 * body with its own reader, until both are done; then HEAD again.  A side is read only when what
 * was read before is gone, and the other side has taken it; so each holds at most one head and one
 * chunk.  An idle flow holds no buffer.
 * Failure modes: what the guest says wrong at the beginning of a request is answered, later it cuts
 * both sides.  A server that breaks is answered for (502) as long as the guest has nothing of its
 * response, else the guest is cut, so that half a response never looks like a whole one.  A server
 * that takes no more of a request may still answer it.
 * The end: LAST writes what the guest has still to get, then the end; LINGER reads on for a moment,
 * since closing with unread bytes would take the answer away.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/http_flow.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/http1_body.h"
#include "gateway/http_answer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { GUEST, SERVER, SIDES };

enum {
	CHUNK = 64 * 1024,
	UNUSUAL = UV_DISCONNECT | UV_PRIORITIZED, /* as in tunnel.c */
};

enum state {
	STATE_HEAD,	/* of a request is awaited */
	STATE_CONNECT,	/* it is there, the server is not */
	STATE_EXCHANGE, /* it is passed on, and its response */
	STATE_UPGRADED, /* bytes both ways */
	STATE_LAST,	/* the guest gets what is left for it */
	STATE_LINGER,	/* and may still speak, to nobody */
	STATE_OVER,
};

struct side {
	struct http_flow *flow;
	uv_poll_t poll;
	int fd;			  /* -1: none */
	int watched;		  /* the events that `poll` waits for */
	int unusual;		  /* of UNUSUAL, those that have not come yet */
	bool polled, ended, told; /* `ended`: its last byte was read; `told`: that of the other */
	struct buf in;		  /* from it, not yet looked at */
	struct buf out;		  /* for it, not yet taken */
};

struct http_flow {
	struct side sides[SIDES];
	enum state state;
	struct http_flow_owner owner;
	struct counters *counters;
	struct tunnel_result result;
	char *error; /* what result.error points to */

	/* The exchange. */
	size_t head; /* bytes of the request's head, while there is no server */
	bool request_keeps, is_head, may_upgrade;
	unsigned minor;
	bool cut;    /* the server takes no more of the request */
	bool reused; /* there was an exchange before */
	struct http1_body request, response;
	bool answered, response_keeps; /* `answered`: the guest has something of the response */
	bool has_response;	       /* its last head was read */
	struct http1_scan request_scan, response_scan;

	uv_timer_t timer;
	uint64_t limit_ms, since_ms; /* how long from when it may take */
	unsigned holders;	     /* libuv's handles and the owner */
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
	drop_holder(((struct side *)handle->data)->flow);
}

static void side_close(struct side *side, bool reset)
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
	if (flow->state == STATE_OVER)
		return;
	flow->state = STATE_OVER;
	for (size_t i = 0; i < SIDES; i++)
		side_close(&flow->sides[i], reset);
	http1_body_done(&flow->request);
	http1_body_done(&flow->response);
	uv_close((uv_handle_t *)&flow->timer, on_timer_closed);
}

static void note(struct http_flow *flow, const char *error)
{
	if (!flow->error)
		flow->result.error = flow->error = xstrdup(error);
}

static void end(struct http_flow *flow, bool reset)
{
	close_all(flow, reset);
	flow->owner.ended(flow->owner.ctx, &flow->result);
}

/* Both sides are reset. */
static void cut_off(struct http_flow *flow, const char *error)
{
	note(flow, error);
	end(flow, true);
}

/* --- time --- */

static void on_timer(uv_timer_t *timer);

static void allow_ms(struct http_flow *flow, uint64_t ms)
{
	flow->limit_ms = ms;
	flow->since_ms = uv_now(flow->timer.loop);
	uv_timer_start(&flow->timer, on_timer, ms, 0);
}

static void on_late(struct http_flow *flow)
{
	static const char *const late[] = {
		[STATE_HEAD] = "no request for too long",
		[STATE_CONNECT] = "no server for too long",
		[STATE_EXCHANGE] = "no byte for too long",
		[STATE_UPGRADED] = "no byte for too long",
		[STATE_LAST] = "the guest does not take its response",
		[STATE_LINGER] = "",
	};

	if (flow->state == STATE_LINGER)
		end(flow, false);
	else
		cut_off(flow, late[flow->state]);
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
static ssize_t side_read(struct side *side, char *space, size_t size)
{
	return recv(side->fd, space, size, 0);
}

static ssize_t side_write(struct side *side, struct view bytes)
{
	return send(side->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
}

static bool is_guest(const struct side *side)
{
	return side == &side->flow->sides[GUEST];
}

static struct side *other(const struct side *side)
{
	return &side->flow->sides[is_guest(side) ? SERVER : GUEST];
}

/* A server that takes no more may have answered already. */
static void on_broken(struct side *side)
{
	if (is_guest(side) || side->flow->state != STATE_EXCHANGE) {
		cut_off(side->flow, is_guest(side) ? "reset by the guest" : "reset by the server");
		return;
	}
	side->flow->cut = true;
	buf_done(&side->out);
}

static void flush(struct side *side)
{
	while (side->out.len > 0) {
		ssize_t n = side_write(side, (struct view){side->out.ptr, side->out.len});

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			on_broken(side);
			return;
		}
		buf_consume(&side->out, (size_t)n);
	}
	buf_done(&side->out);
}

/* Passes the first `len` bytes of a side's to the other one. */
static void pass(struct side *from, size_t len)
{
	struct http_flow *flow = from->flow;
	struct side *to = other(from);

	buf_put(&to->out, from->in.ptr, len);
	buf_consume(&from->in, len);
	if (from->in.len == 0)
		buf_done(&from->in);
	flow->since_ms = uv_now(flow->timer.loop);
	if (is_guest(from)) {
		flow->result.sent += len;
		flow->counters->sent += len;
	} else {
		flow->result.received += len;
		flow->counters->received += len;
		flow->answered = true;
	}
	flush(to);
}

/* --- the last words --- */

/* The guest gets what is left for it, and the end; the server has no more to do with it. */
static void finish(struct http_flow *flow)
{
	flow->state = STATE_LAST;
	buf_done(&flow->sides[GUEST].in);
	side_close(&flow->sides[SERVER], false);
	allow_ms(flow, LIMIT_HTTP_LAST_MS);
}

static void answer(struct http_flow *flow, unsigned status, const char *why)
{
	note(flow, why);
	http_answer_failed(&flow->sides[GUEST].out, status, why, flow->is_head);
	finish(flow);
}

/* What goes wrong with the server while an answer is owed.  One that has answered before and ends
 * may have done so before the request came: clients try again when it just ends. */
static void server_failed(struct http_flow *flow, const char *why)
{
	if (flow->answered) {
		cut_off(flow, why);
	} else if (flow->reused) {
		note(flow, why);
		finish(flow);
	} else {
		answer(flow, HTTP_ANSWER_BAD_GATEWAY, why);
	}
}

/* --- one exchange after the other --- */

static void next_request(struct http_flow *flow)
{
	bool begun = flow->sides[GUEST].in.len > 0;

	flow->state = STATE_HEAD;
	flow->reused = flow->has_response;
	flow->request_scan = (struct http1_scan){0};
	allow_ms(flow, begun ? LIMIT_HTTP_HEAD_MS : LIMIT_HTTP_IDLE_MS);
}

static void begin_exchange(struct http_flow *flow)
{
	flow->state = STATE_EXCHANGE;
	flow->cut = flow->answered = flow->has_response = false;
	flow->response_scan = (struct http1_scan){0};
	allow_ms(flow, LIMIT_HTTP_SILENCE_MS);
	pass(&flow->sides[GUEST], flow->head);
}

static void deny(struct http_flow *flow, const char *host, const struct policy_verdict *verdict)
{
	http_answer_denied(&flow->sides[GUEST].out, host, verdict, flow->is_head);
	finish(flow);
}

static void take_request(struct http_flow *flow, const struct http1_request *request)
{
	struct policy_verdict verdict;

	flow->is_head = request->is_head;
	flow->may_upgrade = request->upgrade;
	flow->minor = request->head.minor;
	flow->request_keeps = request->head.keep_alive;
	if (!flow->owner.judge(flow->owner.ctx, request, &verdict)) {
		deny(flow, request->authority.host, &verdict);
		return;
	}
	http1_body_done(&flow->request);
	http1_body_init(&flow->request, &request->head);
	if (flow->sides[SERVER].fd >= 0) {
		begin_exchange(flow);
		return;
	}
	flow->state = STATE_CONNECT;
	allow_ms(flow, LIMIT_HTTP_SILENCE_MS); /* those who look for it have limits of their own */
	flow->owner.connect(flow->owner.ctx);
}

static void read_request(struct http_flow *flow)
{
	struct side *guest = &flow->sides[GUEST];
	struct http1_request request;
	struct err err;
	ssize_t size;

	flow->is_head = false;
	size = http1_request_read(&flow->request_scan, (struct view){guest->in.ptr, guest->in.len},
				  &request, &err);
	if (size < 0) {
		answer(flow, HTTP_ANSWER_BAD_REQUEST, err.msg);
		return;
	}
	flow->head = (size_t)size;
	if (size > 0)
		take_request(flow, &request);
	else if (guest->ended)
		cut_off(flow, "the guest ended within a request");
}

/* Between two requests. */
static void await_request(struct http_flow *flow)
{
	struct side *guest = &flow->sides[GUEST], *server = &flow->sides[SERVER];

	if (server->in.len > 0) {
		note(flow, "the server spoke without having been asked");
		finish(flow);
	} else if (server->ended || (guest->ended && guest->in.len == 0)) {
		finish(flow);
	} else if (guest->in.len > 0) {
		read_request(flow);
	}
}

/* Passes what there is of a body; false: it is malformed. */
static bool pass_body(struct side *from, struct http1_body *body, struct err *err)
{
	struct view rest = {from->in.ptr, from->in.len}, content;
	size_t len;

	while (!body->done && rest.len > 0) {
		ssize_t used = http1_body_read(body, rest, &content, err);

		if (used < 0)
			return false;
		rest.ptr += used;
		rest.len -= (size_t)used;
	}
	len = from->in.len - rest.len;
	if (len > 0)
		pass(from, len);
	return true;
}

static void pass_request(struct http_flow *flow)
{
	struct side *guest = &flow->sides[GUEST];
	struct err err;

	if (flow->cut || flow->request.done)
		return;
	if (flow->sides[SERVER].out.len == 0 && !pass_body(guest, &flow->request, &err))
		cut_off(flow, err.msg);
	else if (guest->ended && guest->in.len == 0 && !flow->request.done)
		cut_off(flow, "the guest ended within a request");
}

/* A head that another one follows is passed like one. */
static void take_response(struct http_flow *flow, const struct http1_response *response,
			  size_t size)
{
	bool upgraded = response->head.content == HTTP1_TUNNEL;

	if (upgraded && !flow->request.done) {
		server_failed(flow, "the server upgrades in the middle of a request");
		return;
	}
	flow->response_scan = (struct http1_scan){0};
	flow->has_response = response->status >= 200;
	flow->response_keeps = response->head.keep_alive;
	if (flow->has_response) {
		http1_body_done(&flow->response);
		http1_body_init(&flow->response, &response->head);
	}
	if (upgraded) {
		flow->state = STATE_UPGRADED;
		allow_ms(flow, LIMIT_TUNNEL_IDLE_MS);
	}
	pass(&flow->sides[SERVER], size);
}

/* Returns whether there was one. */
static bool read_response(struct http_flow *flow)
{
	struct side *server = &flow->sides[SERVER];
	struct http1_request request = {.head = {.minor = flow->minor},
					.is_head = flow->is_head,
					.upgrade = flow->may_upgrade};
	struct http1_response response;
	struct err err;
	ssize_t size = http1_response_read(&flow->response_scan,
					   (struct view){server->in.ptr, server->in.len}, &request,
					   &response, &err);

	if (size < 0)
		server_failed(flow, err.msg);
	else if (size > 0)
		take_response(flow, &response, (size_t)size);
	else if (server->ended)
		server_failed(flow, "the server ended before it had answered");
	return size > 0;
}

static bool response_done(struct http_flow *flow)
{
	struct side *server = &flow->sides[SERVER];
	struct err err;

	if (flow->response.done)
		return true;
	if (!server->ended || server->in.len > 0)
		return false;
	if (http1_body_end(&flow->response, &err) == 0)
		return true;
	server_failed(flow, "the server ended within its response");
	return false;
}

/* One that came before the end of its request is the last: whoever reads on might take the rest of
 * the request for the next one. */
static void end_exchange(struct http_flow *flow)
{
	const struct side *guest = &flow->sides[GUEST], *server = &flow->sides[SERVER];

	if (flow->request.done && !flow->cut && flow->request_keeps && flow->response_keeps &&
	    !server->ended && server->in.len == 0 && !(guest->ended && guest->in.len == 0))
		next_request(flow);
	else
		finish(flow);
}

static void pass_response(struct http_flow *flow)
{
	struct side *guest = &flow->sides[GUEST], *server = &flow->sides[SERVER];
	struct err err;

	while (flow->state == STATE_EXCHANGE && !flow->has_response && guest->out.len == 0) {
		if (!read_response(flow))
			break;
	}
	if (flow->state != STATE_EXCHANGE || !flow->has_response)
		return;
	if (guest->out.len == 0 && !pass_body(server, &flow->response, &err))
		server_failed(flow, err.msg);
	if (flow->state == STATE_EXCHANGE && response_done(flow))
		end_exchange(flow);
}

/* --- without looking --- */

static void pass_all(struct side *from)
{
	struct side *to = other(from);

	if (from->in.len > 0 && to->out.len == 0)
		pass(from, from->in.len);
	if (from->flow->state == STATE_UPGRADED && from->ended && from->in.len == 0 &&
	    to->out.len == 0 && !to->told)
		to->told = shutdown(to->fd, SHUT_WR) == 0;
}

static void pass_upgraded(struct http_flow *flow)
{
	for (size_t i = 0; i < SIDES && flow->state == STATE_UPGRADED; i++)
		pass_all(&flow->sides[i]);
	if (flow->state == STATE_UPGRADED && flow->sides[GUEST].told && flow->sides[SERVER].told)
		end(flow, false);
}

static void say_goodbye(struct http_flow *flow)
{
	struct side *guest = &flow->sides[GUEST];

	if (guest->out.len > 0)
		return;
	shutdown(guest->fd, SHUT_WR);
	flow->state = STATE_LINGER;
	allow_ms(flow, LIMIT_HTTP_LINGER_MS);
}

/* --- events --- */

static void advance(struct http_flow *flow)
{
	enum state before;

	do {
		before = flow->state;
		if (flow->state == STATE_HEAD)
			await_request(flow);
		if (flow->state == STATE_EXCHANGE)
			pass_request(flow);
		if (flow->state == STATE_EXCHANGE)
			pass_response(flow);
		if (flow->state == STATE_UPGRADED)
			pass_upgraded(flow);
		if (flow->state == STATE_LAST)
			say_goodbye(flow);
		if (flow->state == STATE_LINGER && flow->sides[GUEST].ended)
			end(flow, false);
	} while (flow->state != before);
}

static bool wants(const struct side *side)
{
	const struct http_flow *flow = side->flow;

	if (side->ended)
		return false;
	switch (flow->state) {
	case STATE_HEAD:
		return true;
	case STATE_EXCHANGE:
		if (is_guest(side) && (flow->cut || flow->request.done))
			return false;
		return other(side)->out.len == 0;
	case STATE_UPGRADED:
		return other(side)->out.len == 0;
	case STATE_LINGER:
		return is_guest(side);
	default:
		return false;
	}
}

static void on_read_error(struct side *side)
{
	struct http_flow *flow = side->flow;

	if (flow->state == STATE_LINGER)
		end(flow, false);
	else if (is_guest(side))
		cut_off(flow, "reset by the guest");
	else if (flow->state == STATE_EXCHANGE)
		server_failed(flow, "reset by the server");
	else if (flow->state == STATE_HEAD)
		side->ended = true;
	else
		cut_off(flow, "reset by the server");
}

static void pull(struct side *side)
{
	struct http_flow *flow = side->flow;
	bool first = side->in.len == 0;
	char *space = buf_reserve(&side->in, CHUNK);
	ssize_t len;

	assert(space); /* nothing is read before most of a head is gone */
	len = side_read(side, space, CHUNK);
	if (len > 0)
		buf_added(&side->in, (size_t)len);
	else if (len == 0)
		side->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		on_read_error(side);
	if (flow->state == STATE_LINGER || side->in.len == 0)
		buf_done(&side->in);
	else if (flow->state == STATE_HEAD && first && is_guest(side))
		allow_ms(flow, LIMIT_HTTP_HEAD_MS);
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct side *side)
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
	advance(flow);
	for (size_t i = 0; i < SIDES; i++)
		watch(&flow->sides[i]);
}

/* An error, after which libuv watches no more.  What the server has said before it is read when it
 * is wanted. */
static void on_error(struct side *side)
{
	side->watched = side->unusual = 0;
	if (side->out.len == 0 && !wants(side) && is_guest(side))
		cut_off(side->flow, "reset by the guest");
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct side *side = poll->data;

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
	struct side *side = &flow->sides[which];
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

	next_request(flow);
	turn(flow);
}

int http_flow_open(uv_loop_t *loop, const struct http_flow_spec *spec,
		   const struct http_flow_owner *owner, struct http_flow **ret_flow,
		   struct err *err)
{
	struct http_flow *flow = xcalloc(1, sizeof(*flow));
	struct buf *in = &flow->sides[GUEST].in;
	int guest, server = 0;

	for (size_t i = 0; i < SIDES; i++)
		flow->sides[i] = (struct side){.flow = flow,
					       .fd = -1,
					       .in = BUF_INIT(LIMIT_TUNNEL_HELD + CHUNK),
					       .out = BUF_INIT(2 * LIMIT_TUNNEL_HELD)};
	flow->owner = *owner;
	flow->counters = spec->counters;
	uv_timer_init(loop, &flow->timer);
	flow->timer.data = flow;
	flow->holders = 2;
	guest = side_open(flow, GUEST, spec->guest_fd, err);
	if (spec->server_fd >= 0)
		server = side_open(flow, SERVER, spec->server_fd, err);
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

	assert(flow->state == STATE_CONNECT);
	if (side_open(flow, SERVER, server_fd, &err) < 0)
		answer(flow, HTTP_ANSWER_BAD_GATEWAY, err.msg);
	else
		begin_exchange(flow);
	turn(flow);
}

void http_flow_deny(struct http_flow *flow, const struct policy_verdict *verdict)
{
	assert(flow->state == STATE_CONNECT);
	deny(flow, verdict->name, verdict);
	turn(flow);
}

void http_flow_fail(struct http_flow *flow, unsigned status, const char *why)
{
	assert(flow->state == STATE_CONNECT);
	answer(flow, status, why);
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
