// SPDX-License-Identifier: MIT
/* One TCP connection of a guest, from where it was accepted to the last line about it. */
#pragma once

#include "base/ip.h"
#include "gateway/gateway.h"

#include <stdint.h>

struct connection;

struct connection_spec {
	int guest_fd; /* accepted, non-blocking; taken over */
	struct ip ip; /* whom the guest wanted */
	uint16_t port;
	uint64_t flow; /* its number in the audit */
};

/* It has ended by itself, its sockets are closed; it frees itself when libuv has let go. */
typedef void connection_ended_fn(void *ctx);

struct connection *connection_new(struct gateway *gateway, const struct connection_spec *spec,
				  connection_ended_fn *ended, void *ctx);

/* Each may end it at once. */
void connection_start(struct connection *connection);
/* The policy has changed. */
void connection_recheck(struct connection *connection);

/* Resets it and records why; `ended` is not called. */
void connection_close(struct connection *connection, const char *why);
