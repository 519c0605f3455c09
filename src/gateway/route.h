// SPDX-License-Identifier: MIT
/*
 * The way to the server that an allowed connection is for.  A name's addresses are those that the
 * user gave it, else what the host knows; all of them must be open, and only they are dialled.  A
 * literal address is dialled as it is.  By the host's proxy a name may be unknown here.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"
#include "gateway/claim.h"
#include "gateway/gateway.h"

struct resolver_query;
struct upstream_dial;

struct route_end {
	int fd;			       /* as upstream.h has it, the callee's; -1: none */
	struct ip ip;		       /* whom it reached */
	struct policy_verdict *denied; /* of the addresses; not yet recorded; NULL: they are not */
	const struct err *why;	       /* there is neither a server nor a denial; else NULL */
};

/* Called once, maybe from within route_start(). */
typedef void route_done_fn(void *ctx, const struct route_end *end);

/* Begins as {0}. */
struct route {
	struct gateway *gateway;
	const struct claim *claim;
	route_done_fn *done;
	void *ctx;
	struct resolver_query *query; /* NULL: not now */
	struct upstream_dial *dial;   /* NULL: not now */
};

/* `claim` lives as long as the route. */
void route_start(struct route *route, struct gateway *gateway, const struct claim *claim,
		 route_done_fn *done, void *ctx);
/* No call follows.  Allowed at any time. */
void route_cancel(struct route *route);
