// SPDX-License-Identifier: MIT
/*
 * The name server that a guest sees, whatever server it asks: names that the policy allows and that
 * exist get an address of gateway/dns_pool.h, names that it does not allow are NXDOMAIN and known
 * to nobody else.
 */
#pragma once

#include "base/err.h"
#include "gateway/gateway.h"

struct dns_server;

/* `udp_fd` of net/net.h is taken over. */
int dns_server_open(struct gateway *gateway, int udp_fd, struct dns_server **ret_server,
		    struct err *err);
/* Frees itself when libuv has let go. */
void dns_server_close(struct dns_server *server);

/* A connection of the guest to port 53 of anybody, which is taken over. */
void dns_server_accept(struct dns_server *server, int fd);
