// SPDX-License-Identifier: MIT
/* What a connection is for: see claim.h. */
#include "gateway/claim.h"

#include "base/attr.h"
#include "base/limits.h"
#include "gateway/dns_pool.h"

#include <stdio.h>
#include <string.h>

void claim_init(struct claim *claim, const struct ip *ip, uint16_t port, struct dns_pool *pool,
		uint64_t now_ms)
{
	const char *name = dns_pool_name(pool, ip, now_ms);

	*claim = (struct claim){.port = port, .said = POLICY_CONNECT};
	claim->nobody = !name && dns_pool_covers(ip);
	if (name)
		snprintf(claim->host, sizeof(claim->host), "%s", name);
	else
		ip_format(ip, claim->host);
}

void claim_deny(const char *reason, struct policy_verdict *ret_verdict)
{
	*ret_verdict = (struct policy_verdict){0};
	snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "%s", reason);
}

/* Was the connection made to this name?  An address that the user gave to several names is each of
 * them. */
static bool is_for(const struct claim *claim, const struct policy *policy, const char *name,
		   const char *connected)
{
	struct ip pinned[LIMIT_RESOLVED], ip;
	size_t count;

	if (strcmp(name, connected) == 0)
		return true;
	if (!*name || !ip_parse(claim->host, &ip))
		return false;
	count = policy_pinned(policy, name, claim->port, pinned, LIMIT_RESOLVED);
	for (size_t i = 0; i < MIN(count, (size_t)LIMIT_RESOLVED); i++) {
		if (ip_equals(&pinned[i], &ip))
			return true;
	}
	return false;
}

/* The name in the verdict is allowed, but another one's. */
static bool deny_other(const char *name, struct policy_verdict *verdict)
{
	verdict->allowed = false;
	verdict->rule[0] = verdict->remedy[0] = verdict->entry[0] = '\0';
	snprintf(verdict->reason, sizeof(verdict->reason), "the connection was made to %s", name);
	return false;
}

/* What was said, where CONNECT was allowed with that verdict. */
static bool judge_said(const struct claim *claim, const struct policy *policy,
		       const struct policy_verdict *connect, struct policy_verdict *ret_verdict)
{
	bool own = claim->said == POLICY_OTHER ||
		   (claim->name[0] == '\0' && connect->needs == POLICY_NEEDS_NAME);
	struct policy_ask ask = {claim->said, own ? connect->name : claim->name,
				 own ? claim->port : claim->name_port};

	if (!policy_check(policy, &ask, ret_verdict))
		return false;
	if (connect->needs != POLICY_NEEDS_NAME &&
	    !is_for(claim, policy, ret_verdict->name, connect->name))
		return deny_other(connect->name, ret_verdict);
	return true;
}

bool claim_judge(const struct claim *claim, const struct policy *policy,
		 struct policy_verdict *ret_verdict)
{
	struct policy_ask ask = {POLICY_CONNECT, claim->host, claim->port};
	struct policy_verdict connect;

	if (claim->nobody) {
		claim_deny("the address was not given to any name", ret_verdict);
		return false;
	}
	if (!policy_check(policy, &ask, &connect) || claim->said == POLICY_CONNECT ||
	    connect.needs == POLICY_NEEDS_NOTHING) {
		*ret_verdict = connect;
		return connect.allowed;
	}
	return judge_said(claim, policy, &connect, ret_verdict);
}

bool claim_is_closed(const struct claim *claim, const struct policy *policy)
{
	struct claim connect = *claim;
	struct policy_verdict verdict;

	connect.said = POLICY_CONNECT;
	return !claim_judge(&connect, policy, &verdict);
}
