// SPDX-License-Identifier: MIT
/* What the parts of one gateway process share.  One loop, one thread. */
#pragma once

#include "gateway/counters.h"

#include <uv.h>

struct audit;
struct dns_pool;
struct pipe_pool;
struct policy;
struct resolver;
struct upstream;

struct gateway {
	uv_loop_t *loop;
	/* The one in force.  It is replaced as a whole between two callbacks: ask it anew for each
	 * decision, and keep what it said, not the pointer. */
	const struct policy *policy;
	struct dns_pool *pool;	   /* which name the guest means by an address */
	struct resolver *resolver; /* the host's names */
	struct upstream *upstream; /* the way out */
	struct pipe_pool *pipes;   /* of all tunnels */
	struct audit *audit;
	struct counters *counters; /* never NULL */
};
