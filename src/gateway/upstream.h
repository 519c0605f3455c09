// SPDX-License-Identifier: MIT
/*
 * The way out: a connection to addresses that the policy has checked, and to no other; or through
 * the host's HTTP proxy (CONNECT), where there is one, which then looks the name up.
 *
 * Addresses are tried as in RFC 8305: the next one starts when the one before has failed or has
 * taken a quarter of a second; the first that connects wins.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct resolver;
struct upstream;
struct upstream_dial;

/* `proxy`: "http://[USER:PASSWORD@]HOST:PORT", NULL: none.  `no_proxy` as in NO_PROXY of curl;
 * NULL: none.  The texts are copied.  ERR_INVALID without the password in its text. */
int upstream_new(uv_loop_t *loop, struct resolver *resolver, const char *proxy,
		 const char *no_proxy, struct upstream **ret_upstream, struct err *err);
void upstream_free(struct upstream *upstream);

/* Does the proxy get what goes to `host` (a name or an address) and `port`?  Then the name need not
 * be known to this host. */
bool upstream_by_proxy(const struct upstream *upstream, const char *host, uint16_t port);

struct upstream_target {
	const char *host;     /* for the proxy: a name, or an address as text */
	const struct ip *ips; /* checked; for a direct connection */
	size_t ip_count;
	uint16_t port;
	bool direct; /* never by the proxy: an address that the user gave */
};

/* `fd`: connected, non-blocking, TCP_NODELAY, the callee's; -1: `why` says what was tried.  `ip`:
 * whom it reached; of a proxy, the proxy.  Called once, from the loop. */
typedef void upstream_done_fn(void *ctx, int fd, const struct ip *ip, const struct err *why);

struct upstream_dial *upstream_connect(struct upstream *upstream,
				       const struct upstream_target *target, upstream_done_fn *done,
				       void *ctx);
/* No call follows. */
void upstream_cancel(struct upstream_dial *dial);
