// SPDX-License-Identifier: MIT
/*
 * What a guest's connection is for, by its destination and by what it has said since; and what a
 * policy says to all of that together, however often the policy changes.  Pure.
 *
 *	needs of CONNECT	what the connection may say
 *	NOTHING			anything
 *	NAME			a TLS or HTTP name that is allowed; neither TLS nor HTTP, or no name
 *				in it, is for the name that was connected to
 *	TLS, HTTP		a name that is allowed, and is the one that was connected to
 */
#pragma once

#include "api/host_name.h"
#include "base/ip.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct dns_pool;

struct claim {
	char host[HOST_NAME_SIZE]; /* the name whose address it is, or the literal address */
	uint16_t port;
	bool nobody; /* a synthetic address that no name has */

	/* What it has said: TLS, HTTP or OTHER; CONNECT: nothing yet. */
	enum policy_protocol said;
	char name[HOST_NAME_SIZE]; /* "" = none */
	uint16_t name_port;
};

/* Reads the destination.  `now_ms` as in gateway/dns_pool.h. */
void claim_init(struct claim *claim, const struct ip *ip, uint16_t port, struct dns_pool *pool,
		uint64_t now_ms);

/* Before anything is said it is the verdict of CONNECT, with what that needs. */
bool claim_judge(const struct claim *claim, const struct policy *policy,
		 struct policy_verdict *ret_verdict);

/* Is it denied whatever it says? */
bool claim_is_closed(const struct claim *claim, const struct policy *policy);

/* A denial for this reason, which no flag remedies. */
void claim_deny(const char *reason, struct policy_verdict *ret_verdict);
