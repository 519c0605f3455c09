// SPDX-License-Identifier: MIT
/* The host's HTTP proxy: where it is, who asks it, what it gets, and how it is asked.  Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/http1_target.h"

#include <stdbool.h>
#include <stdint.h>

struct proxy {
	struct http1_authority address;
	char *credentials; /* "Basic ...", a secret; NULL: none */
	char *exceptions;  /* as in NO_PROXY */
};

/* `url`: "http://[USER:PASSWORD@]HOST:PORT", without "http://" too; user and password are
 * percent-decoded.  `exceptions` may be NULL.  ERR_INVALID and ERR_LIMIT do not show the URL. */
int proxy_new(const char *url, const char *exceptions, struct proxy **ret_proxy, struct err *err);
void proxy_free(struct proxy *proxy);

/* Does it get what goes to `host` (in the form of api/host_name.h, or an address) and `port`?  Not
 * what NO_PROXY names, by the rules of curl: names, which mean their subdomains too, addresses and
 * ranges, each with a port or for all ports; `*` is everything. */
bool proxy_gets(const struct proxy *proxy, const char *host, uint16_t port);

/* Appends the head of a CONNECT, which holds the secret. */
void proxy_ask(const struct proxy *proxy, const char *host, uint16_t port, struct buf *out);

/* What the proxy's answer (not 2xx) means, after "proxy HOST:PORT ". */
void proxy_refusal(const struct proxy *proxy, unsigned status, struct err *ret_why);
