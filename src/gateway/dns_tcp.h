// SPDX-License-Identifier: MIT
/* The guest's DNS queries over TCP (RFC 7766): several on one connection, answered in any order. */
#pragma once

#include "gateway/dns_responder.h"

struct dns_tcp;

/* `responder` is borrowed. */
struct dns_tcp *dns_tcp_new(uv_loop_t *loop, struct dns_responder *responder);

/* Takes the connection over.  Beyond LIMIT_DNS_CONNECTIONS it is reset. */
void dns_tcp_accept(struct dns_tcp *tcp, int fd);

/* After the responder is freed.  Frees itself when libuv has let go. */
void dns_tcp_close(struct dns_tcp *tcp);
