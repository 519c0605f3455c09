// SPDX-License-Identifier: MIT
/* An HTTP flow's two sides: shared by its life (http_flow.c) and its exchanges (http_exchange.c).
 */
#pragma once

#include "gateway/http1_body.h"
#include "gateway/http_flow.h"

#include <stdbool.h>

enum { HTTP_GUEST, HTTP_SERVER, HTTP_SIDES };

enum http_flow_state {
	HTTP_FLOW_HEAD,	    /* of a request is awaited */
	HTTP_FLOW_CONNECT,  /* it is there, the server is not */
	HTTP_FLOW_EXCHANGE, /* it is passed on, and its response */
	HTTP_FLOW_UPGRADED, /* bytes both ways */
	HTTP_FLOW_LAST,	    /* the guest gets what is left for it */
	HTTP_FLOW_LINGER,   /* and may still speak, to nobody */
	HTTP_FLOW_OVER,
};

struct http_side {
	struct http_flow *flow;
	uv_poll_t poll;
	bool polled;	/* `poll` is there */
	int fd;		/* -1: none */
	int watched;	/* the events that `poll` waits for */
	int unusual;	/* those that show an error and have not come yet */
	bool ended;	/* it has said its last byte */
	bool told;	/* and was told that the other side has */
	struct buf in;	/* from it, not yet looked at */
	struct buf out; /* for it, not yet taken */
};

struct http_flow {
	struct http_side sides[HTTP_SIDES];
	enum http_flow_state state;
	struct http_flow_owner owner;
	struct counters *counters;
	struct tunnel_result result;
	char *error; /* what result.error points to */

	/* The request. */
	struct http1_scan request_scan;
	size_t head;	/* bytes of its head, until it is passed */
	unsigned minor; /* as struct http1_request has them */
	bool is_head, may_upgrade, request_keeps;
	struct http1_body request;
	bool cut; /* the server takes no more of it */

	/* Its response. */
	struct http1_scan response_scan;
	bool answered;	   /* the guest has something of it */
	bool has_response; /* the head after which none follows was read */
	bool response_keeps;
	struct http1_body response;
	bool reused; /* there was one to an earlier request */

	uv_timer_t timer;
	uint64_t limit_ms, since_ms; /* how long from when it may take */
	unsigned holders;	     /* libuv's handles and the owner */
};

bool http_side_is_guest(const struct http_side *side);
struct http_side *http_side_other(const struct http_side *side);
/* Passes the first `len` bytes of a side's to the other one. */
void http_side_pass(struct http_side *from, size_t len);

/* It may take so long from now on. */
void http_flow_allow_ms(struct http_flow *flow, uint64_t ms);
/* What is said of its end; the first counts. */
void http_flow_note(struct http_flow *flow, const char *error);
/* The guest gets what is left for it, and the end; the server has no more to do with it. */
void http_flow_finish(struct http_flow *flow);
/* Both sides are reset. */
void http_flow_cut_off(struct http_flow *flow, const char *error);
void http_flow_end(struct http_flow *flow, bool reset);

/* Waits for the first request; for the next. */
void http_exchange_await(struct http_flow *flow);
/* The request that was held back for want of a server goes on. */
void http_exchange_begin(struct http_flow *flow);
/* Does what the bytes that are there allow. */
void http_exchange_advance(struct http_flow *flow);

/* Our own answers, in place of a response; and what goes wrong with a server that owes one. */
void http_exchange_deny(struct http_flow *flow, const struct policy_verdict *verdict);
void http_exchange_fail(struct http_flow *flow, unsigned status, const char *why);
void http_exchange_server_failed(struct http_flow *flow, const char *why);
