// SPDX-License-Identifier: MIT
/* What the audit and the counters get to know of one connection. */
#pragma once

#include "base/ip.h"
#include "gateway/audit.h"
#include "gateway/claim.h"
#include "gateway/gateway.h"
#include "gateway/tunnel.h"

#include <stdbool.h>
#include <stdint.h>

struct record {
	const struct gateway *gateway;
	const struct claim *claim; /* who owns it, moves it on */
	uint64_t flow, began_ms;
	bool allowed; /* something of it was: its end will be recorded too */
};

/* Fills in whose the verdict is and what it is about, `what` only where there is none.  Returns
 * whether it is an allowance; one that cannot be recorded becomes a denial. */
bool record_verdict(struct record *record, struct audit_event *event,
		    struct policy_verdict *verdict);

/* The same without more to say. */
bool record_claim(struct record *record, struct policy_verdict *verdict);

/* `ip`: whom it reached; NULL: nobody. */
void record_end(const struct record *record, const struct ip *ip,
		const struct tunnel_result *result);
