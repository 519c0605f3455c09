// SPDX-License-Identifier: MIT
/* The way to a server: see route.h. */
#include "gateway/route.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/resolver.h"
#include "gateway/upstream.h"

static void end_denied(struct route *route, struct policy_verdict *verdict)
{
	route->done(route->ctx, &(struct route_end){.fd = -1, .denied = verdict});
}

static void end_failed(struct route *route, enum err_code code, const char *text)
{
	struct err why;

	err_set_(&why, code, "%s", text);
	route->done(route->ctx, &(struct route_end){.fd = -1, .why = &why});
}

static void on_connected(void *ctx, int fd, const struct ip *ip, const struct err *why)
{
	struct route *route = ctx;
	struct route_end end = {.fd = fd, .why = why};

	route->dial = NULL;
	if (fd >= 0) {
		end.ip = *ip;
		end.why = NULL;
	}
	route->done(route->ctx, &end);
}

static void dial(struct route *route, const struct ip *ips, size_t count, bool direct)
{
	struct upstream_target target = {route->claim->host, ips, count, route->claim->port,
					 direct};

	route->dial = upstream_connect(route->gateway->upstream, &target, on_connected, route);
}

static bool may_lead_to(const struct route *route, const struct ip *ips, size_t count,
			struct policy_verdict *ret_verdict)
{
	struct policy_ask ask = {POLICY_CONNECT, route->claim->host, route->claim->port};

	return policy_check_ips(route->gateway->policy, &ask, ips, count, ret_verdict);
}

static void on_resolved(void *ctx, const struct resolver_reply *reply)
{
	struct route *route = ctx;
	struct policy_verdict verdict;
	bool known = reply->ip_count > 0;

	route->query = NULL;
	if (!known &&
	    !upstream_by_proxy(route->gateway->upstream, route->claim->host, route->claim->port))
		end_failed(route, ERR_NOT_FOUND,
			   reply->rcode == DNS_SERVFAIL
				   ? "the name cannot be resolved at the moment"
				   : "the name has no address");
	else if (known && !may_lead_to(route, reply->ips, reply->ip_count, &verdict))
		end_denied(route, &verdict);
	else
		dial(route, reply->ips, reply->ip_count, false);
}

static void find_name(struct route *route)
{
	const char *name = route->claim->host;
	struct ip pinned[LIMIT_RESOLVED];
	struct policy_verdict verdict;
	size_t count = policy_pinned(route->gateway->policy, name, route->claim->port, pinned,
				     LIMIT_RESOLVED);

	if (count == 0) {
		route->query =
			resolver_addresses(route->gateway->resolver, name, on_resolved, route);
		if (!route->query)
			end_failed(route, ERR_LIMIT, "too many names are being looked up");
		return;
	}
	count = MIN(count, (size_t)LIMIT_RESOLVED);
	if (may_lead_to(route, pinned, count, &verdict))
		dial(route, pinned, count, true);
	else
		end_denied(route, &verdict);
}

/* Of an address that the user gave a name, the verdict has that name: it is no business of the
 * proxy's. */
static void dial_literal(struct route *route, const struct ip *ip)
{
	struct policy_ask ask = {POLICY_CONNECT, route->claim->host, route->claim->port};
	struct policy_verdict verdict;

	(void)policy_check(route->gateway->policy, &ask, &verdict);
	dial(route, ip, 1, verdict.name[0] != '\0');
}

void route_start(struct route *route, struct gateway *gateway, const struct claim *claim,
		 route_done_fn *done, void *ctx)
{
	struct ip ip;

	*route = (struct route){.gateway = gateway, .claim = claim, .done = done, .ctx = ctx};
	if (ip_parse(claim->host, &ip))
		dial_literal(route, &ip);
	else
		find_name(route);
}

void route_cancel(struct route *route)
{
	if (route->query)
		resolver_cancel(STEAL(route->query));
	if (route->dial)
		upstream_cancel(STEAL(route->dial));
}
