// SPDX-License-Identifier: MIT
/*
 * HTTP/1 between a guest and one server: one request after the other, each read strictly and judged
 * by the owner before a byte of it goes on, then passed as it came; the response likewise.  Bodies
 * are streamed.  A request that is sent before the one before it was answered waits in the socket.
 * After an upgrade (101) the bytes are no longer looked at.
 *
 * Whatever the two sides could understand in two ways ends it: a malformed request never reaches
 * the server.  A response that ends before its request does is the last one.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/counters.h"
#include "gateway/http1.h"
#include "gateway/tunnel.h"
#include "policy/policy.h"

#include <uv.h>

struct http_flow;

struct http_flow_owner {
	/* May this request be passed on?  False: the guest is told the verdict, and it ends. */
	bool (*judge)(void *ctx, const struct http1_request *request,
		      struct policy_verdict *ret_verdict);
	/* The first request may be, and there is no server: http_flow_serve(), http_flow_deny() or
	 * http_flow_fail() is to follow.  NULL where there is one from the beginning. */
	void (*connect)(void *ctx);
	/* Both sockets are done with.  Called once; close the flow then. */
	void (*ended)(void *ctx, const struct tunnel_result *result);
	void *ctx;
};

struct http_flow_spec {
	int guest_fd, server_fd; /* connected, non-blocking; taken over; -1: no server yet */
	struct view first;	 /* from the guest, read already; copied */
	struct counters *counters;
};

/* Begins with the next turn of the loop. */
int http_flow_open(uv_loop_t *loop, const struct http_flow_spec *spec,
		   const struct http_flow_owner *owner, struct http_flow **ret_flow,
		   struct err *err);

/* Answers to `connect`; also from in there.  `server_fd` is taken over. */
void http_flow_serve(struct http_flow *flow, int server_fd);
void http_flow_deny(struct http_flow *flow, const struct policy_verdict *verdict);
/* `status` of gateway/http_answer.h; `why`: one line. */
void http_flow_fail(struct http_flow *flow, unsigned status, const char *why);

/* What was passed so far; `error` stays as it is. */
void http_flow_count(const struct http_flow *flow, struct tunnel_result *ret_result);

/* Resets what is still open on both sides; frees itself when libuv has let go.  NULL is allowed. */
void http_flow_close(struct http_flow *flow);
