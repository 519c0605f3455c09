// SPDX-License-Identifier: MIT
/*
 * The answer to one query of the guest, however it came: the policy is asked, what it denies is
 * NXDOMAIN and sent nowhere; of what it allows the host's resolver says whether it exists, and the
 * guest gets an address of gateway/dns_pool.h.
 *
 *	A			that address
 *	TXT MX SRV CAA NS CNAME	what the host's name servers have
 *	PTR			the name of such an address; anything else does not exist
 *	any other		nothing, as long as the name exists
 *
 * Names that the user gave an address, and those that the host's proxy looks up, exist.  Local
 * names (gateway/local_name.h) are denied unless the list means them.
 *
 * Each decision is in the audit, once in LIMIT_DNS_TTL_S for a name, type and verdict.
 */
#pragma once

#include "gateway/dns.h"
#include "gateway/gateway.h"

struct dns_responder;

/* Called once for each query, from within dns_responder_ask() or later.  `answer` NULL: there is
 * none, since the responder is freed. */
typedef void dns_responder_done_fn(void *ctx, const struct dns_query *query,
				   const struct dns_answer *answer);

struct dns_responder *dns_responder_new(struct gateway *gateway);
void dns_responder_free(struct dns_responder *responder);

/* False: it is no query, nothing may be answered, and no call follows. */
bool dns_responder_ask(struct dns_responder *responder, struct view message,
		       dns_responder_done_fn *done, void *ctx);
