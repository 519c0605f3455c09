// SPDX-License-Identifier: MIT
/*
 * The guest's TCP connections.  Each is asked about (policy/policy.h), its name resolved, the
 * addresses checked, dialled, and relayed: blindly, or after its first bytes have told the name, or
 * request by request (gateway/http_flow.h).  What is denied is reset, and as HTTP answered with a
 * 403 that says why and what would allow it.
 */
#pragma once

#include "base/err.h"
#include "gateway/gateway.h"

#include <stddef.h>

struct connections;
struct dns_server;

/* `tcp_fd` of net/net.h is taken over.  What goes to port 53 is `dns`'s. */
int connections_open(struct gateway *gateway, int tcp_fd, struct dns_server *dns,
		     struct connections **ret_connections, struct err *err);

/* The policy has changed: what it no longer allows is reset, now. */
void connections_recheck(struct connections *connections);

/* Resets them all, records their ends; frees itself when libuv has let go. */
void connections_close(struct connections *connections);
