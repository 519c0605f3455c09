// SPDX-License-Identifier: MIT
/*
 * One exchange of an HTTP flow after the other: see http_flow.h.
 *
 * Happy path: HEAD reads a request; once it is judged, EXCHANGE passes it and its response, each
 * body with its own reader, until both are done; then HEAD again.
 * Failure modes: what the guest says wrong at the beginning of a request is answered, later it cuts
 * both sides.  A server that breaks is answered for (502) as long as the guest has nothing of its
 * response, else the guest is cut, so that half a response never looks like a whole one.  A server
 * that takes no more of a request may still answer it.
 */
#include "gateway/http_flow_internal.h"

#include "base/limits.h"
#include "gateway/http_answer.h"

#include <sys/socket.h>

/* --- what we answer ourselves --- */

void http_exchange_fail(struct http_flow *flow, unsigned status, const char *why)
{
	http_flow_note(flow, why);
	http_answer_failed(&flow->sides[HTTP_GUEST].out, status, why, flow->is_head);
	http_flow_finish(flow);
}

/* What goes wrong with the server while an answer is owed.  One that has answered before and ends
 * may have done so before the request came: clients try again when it just ends. */
void http_exchange_server_failed(struct http_flow *flow, const char *why)
{
	if (flow->answered) {
		http_flow_cut_off(flow, why);
	} else if (flow->reused) {
		http_flow_note(flow, why);
		http_flow_finish(flow);
	} else {
		http_exchange_fail(flow, HTTP_ANSWER_BAD_GATEWAY, why);
	}
}

/* --- one exchange after the other --- */

void http_exchange_await(struct http_flow *flow)
{
	bool begun = flow->sides[HTTP_GUEST].in.len > 0;

	flow->state = HTTP_FLOW_HEAD;
	flow->reused = flow->has_response;
	flow->request_scan = (struct http1_scan){0};
	http_flow_allow_ms(flow, begun ? LIMIT_HTTP_HEAD_MS : LIMIT_HTTP_IDLE_MS);
}

void http_exchange_begin(struct http_flow *flow)
{
	flow->state = HTTP_FLOW_EXCHANGE;
	flow->cut = flow->answered = flow->has_response = false;
	flow->response_scan = (struct http1_scan){0};
	http_flow_allow_ms(flow, LIMIT_HTTP_SILENCE_MS);
	http_side_pass(&flow->sides[HTTP_GUEST], flow->head);
}

void http_exchange_deny(struct http_flow *flow, const struct policy_verdict *verdict)
{
	http_answer_denied(&flow->sides[HTTP_GUEST].out, verdict, flow->is_head);
	http_flow_finish(flow);
}

static void take_request(struct http_flow *flow, const struct http1_request *request)
{
	struct policy_verdict verdict;

	flow->is_head = request->is_head;
	flow->may_upgrade = request->upgrade;
	flow->minor = request->head.minor;
	flow->request_keeps = request->head.keep_alive;
	if (!flow->owner.judge(flow->owner.ctx, request, &verdict)) {
		http_exchange_deny(flow, &verdict);
		return;
	}
	http1_body_done(&flow->request);
	http1_body_init(&flow->request, &request->head);
	if (flow->sides[HTTP_SERVER].fd >= 0) {
		http_exchange_begin(flow);
		return;
	}
	flow->state = HTTP_FLOW_CONNECT;
	/* Who looks for the server has limits of its own. */
	http_flow_allow_ms(flow, LIMIT_HTTP_SILENCE_MS);
	flow->owner.connect(flow->owner.ctx);
}

static void read_request(struct http_flow *flow)
{
	struct http_side *guest = &flow->sides[HTTP_GUEST];
	struct http1_request request;
	struct err err;
	ssize_t size;

	flow->is_head = false;
	size = http1_request_read(&flow->request_scan, (struct view){guest->in.ptr, guest->in.len},
				  &request, &err);
	if (size < 0) {
		http_exchange_fail(flow, HTTP_ANSWER_BAD_REQUEST, err.msg);
		return;
	}
	flow->head = (size_t)size;
	if (size > 0)
		take_request(flow, &request);
	else if (guest->ended)
		http_flow_cut_off(flow, "the guest ended within a request");
}

/* Between two requests. */
static void await_request(struct http_flow *flow)
{
	struct http_side *guest = &flow->sides[HTTP_GUEST], *server = &flow->sides[HTTP_SERVER];

	if (server->in.len > 0) {
		http_flow_note(flow, "the server spoke without having been asked");
		http_flow_finish(flow);
	} else if (server->ended || (guest->ended && guest->in.len == 0)) {
		http_flow_finish(flow);
	} else if (guest->in.len > 0) {
		read_request(flow);
	}
}

/* Passes what there is of a body; false: it is malformed. */
static bool pass_body(struct http_side *from, struct http1_body *body, struct err *err)
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
		http_side_pass(from, len);
	return true;
}

static void pass_request(struct http_flow *flow)
{
	struct http_side *guest = &flow->sides[HTTP_GUEST];
	struct err err;

	if (flow->cut || flow->request.done)
		return;
	if (flow->sides[HTTP_SERVER].out.len == 0 && !pass_body(guest, &flow->request, &err))
		http_flow_cut_off(flow, err.msg);
	else if (guest->ended && guest->in.len == 0 && !flow->request.done)
		http_flow_cut_off(flow, "the guest ended within a request");
}

/* A head that another one follows is passed like one. */
static void take_response(struct http_flow *flow, const struct http1_response *response,
			  size_t size)
{
	bool upgraded = response->head.content == HTTP1_TUNNEL;

	if (upgraded && !flow->request.done) {
		http_exchange_server_failed(flow, "the server upgrades in the middle of a request");
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
		flow->state = HTTP_FLOW_UPGRADED;
		http_flow_allow_ms(flow, LIMIT_TUNNEL_IDLE_MS);
	}
	http_side_pass(&flow->sides[HTTP_SERVER], size);
}

/* Returns whether there was one. */
static bool read_response(struct http_flow *flow)
{
	struct http_side *server = &flow->sides[HTTP_SERVER];
	struct http1_request request = {.head = {.minor = flow->minor},
					.is_head = flow->is_head,
					.upgrade = flow->may_upgrade};
	struct http1_response response;
	struct err err;
	ssize_t size = http1_response_read(&flow->response_scan,
					   (struct view){server->in.ptr, server->in.len}, &request,
					   &response, &err);

	if (size < 0)
		http_exchange_server_failed(flow, err.msg);
	else if (size > 0)
		take_response(flow, &response, (size_t)size);
	else if (server->ended)
		http_exchange_server_failed(flow, "the server ended before it had answered");
	return size > 0;
}

static bool response_done(struct http_flow *flow)
{
	struct http_side *server = &flow->sides[HTTP_SERVER];
	struct err err;

	if (flow->response.done)
		return true;
	if (!server->ended || server->in.len > 0)
		return false;
	if (http1_body_end(&flow->response, &err) == 0)
		return true;
	http_exchange_server_failed(flow, "the server ended within its response");
	return false;
}

/* One that came before the server had the whole request is the last: who reads on might take the
 * rest of the request for the next one. */
static void end_exchange(struct http_flow *flow)
{
	const struct http_side *server = &flow->sides[HTTP_SERVER];
	bool early = !flow->request.done || flow->cut || server->out.len > 0;

	if (!early && flow->request_keeps && flow->response_keeps && server->in.len == 0)
		http_exchange_await(flow);
	else
		http_flow_finish(flow);
}

static void pass_response(struct http_flow *flow)
{
	struct http_side *guest = &flow->sides[HTTP_GUEST], *server = &flow->sides[HTTP_SERVER];
	struct err err;

	while (flow->state == HTTP_FLOW_EXCHANGE && !flow->has_response && guest->out.len == 0) {
		if (!read_response(flow))
			break;
	}
	if (flow->state != HTTP_FLOW_EXCHANGE || !flow->has_response)
		return;
	if (guest->out.len == 0 && !pass_body(server, &flow->response, &err))
		http_exchange_server_failed(flow, err.msg);
	if (flow->state == HTTP_FLOW_EXCHANGE && response_done(flow))
		end_exchange(flow);
}

/* --- without looking --- */

static void pass_all(struct http_side *from)
{
	struct http_side *to = http_side_other(from);

	if (from->in.len > 0 && to->out.len == 0)
		http_side_pass(from, from->in.len);
	if (from->flow->state != HTTP_FLOW_UPGRADED || !from->ended || from->in.len > 0 ||
	    to->out.len > 0 || to->told)
		return;
	shutdown(to->fd, SHUT_WR);
	to->told = true;
}

static void pass_upgraded(struct http_flow *flow)
{
	for (size_t i = 0; i < HTTP_SIDES && flow->state == HTTP_FLOW_UPGRADED; i++)
		pass_all(&flow->sides[i]);
	if (flow->state == HTTP_FLOW_UPGRADED && flow->sides[HTTP_GUEST].told &&
	    flow->sides[HTTP_SERVER].told)
		http_flow_end(flow, false);
}

static void say_goodbye(struct http_flow *flow)
{
	struct http_side *guest = &flow->sides[HTTP_GUEST];

	if (guest->out.len > 0)
		return;
	shutdown(guest->fd, SHUT_WR);
	flow->state = HTTP_FLOW_LINGER;
	http_flow_allow_ms(flow, LIMIT_HTTP_LINGER_MS);
}

/* --- all of it --- */

void http_exchange_advance(struct http_flow *flow)
{
	enum http_flow_state before;

	do {
		before = flow->state;
		if (flow->state == HTTP_FLOW_HEAD)
			await_request(flow);
		if (flow->state == HTTP_FLOW_EXCHANGE)
			pass_request(flow);
		if (flow->state == HTTP_FLOW_EXCHANGE)
			pass_response(flow);
		if (flow->state == HTTP_FLOW_UPGRADED)
			pass_upgraded(flow);
		if (flow->state == HTTP_FLOW_LAST)
			say_goodbye(flow);
		if (flow->state == HTTP_FLOW_LINGER && flow->sides[HTTP_GUEST].ended)
			http_flow_end(flow, false);
	} while (flow->state != before);
}
