// SPDX-License-Identifier: MIT
/*
 * The network of one sandbox: the sealed namespace (net/net.h), whose TAP the VM gets, and the two
 * processes that serve it from outside: the gateway (gateway/process.h), and the resolver that asks
 * the host's name servers for it.  What the guest sends before they run waits in the namespace.
 */
#pragma once

#include "api/sandbox_spec.h"
#include "base/err.h"

#include <uv.h>

struct network;

struct network_owner {
	/* One of the processes has ended, or could not begin: the guest is cut off.  Called once;
	 * close the network then. */
	void (*ended)(void *ctx, const struct err *why);
	void *ctx;
};

/* Makes the sealed namespace.  ERR_UNAVAILABLE names what the host lacks and the remedy. */
int network_open(unsigned mtu, struct network **ret_network, struct err *err);

/* The processes; 0: not started. */
void network_pids(const struct network *network, pid_t *ret_gateway, pid_t *ret_resolver);

/* For the VMM; borrowed. */
int network_tap_fd(const struct network *network);

/* Starts the processes for the sandbox `id`, whose directory is `dir`.  `spec` is borrowed for the
 * call. */
int network_serve(struct network *network, uv_loop_t *loop, const struct sandbox_spec *spec,
		  const char *id, const char *dir, const struct network_owner *owner,
		  struct err *err);

/* Puts another policy in force, for what is open too, and returns when it is.  ERR_INVALID: it
 * makes no sense, and nothing has changed. */
int network_set_policy(struct network *network, const struct policy_spec *policy, struct err *err);

/* Kills the processes, lets the namespace go, frees itself when libuv has let go.  NULL is allowed.
 */
void network_close(struct network *network);
