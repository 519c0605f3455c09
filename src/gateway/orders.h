// SPDX-License-Identifier: MIT
/*
 * What the supervisor and its gateway say to each other, over a SOCK_SEQPACKET pair:
 *
 *	supervisor	ORDERS with the descriptors of enum orders_fd; the first packet
 *	supervisor	POLICY with ORDERS_FD_TEXT alone: another policy, as often as it likes
 *	gateway		DONE, or FAILED with the reason, to each of them
 *
 * The text of the orders is in sealed memory (base/sealed.h), since it may hold a password.
 */
#pragma once

#include "api/policy_spec.h"
#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum orders_type { ORDERS_START = 1, ORDERS_POLICY, ORDERS_DONE, ORDERS_FAILED };

enum orders_fd {
	ORDERS_FD_TEXT,	    /* struct orders */
	ORDERS_FD_TCP,	    /* of net/net.h */
	ORDERS_FD_UDP,	    /* likewise */
	ORDERS_FD_AUDIT,    /* gateway/audit.h */
	ORDERS_FD_COUNTERS, /* gateway/counters.h */
	ORDERS_FD_RESOLVER, /* gateway/resolver.h */
	ORDERS_FDS
};

/* All is malloc'ed and freed by orders_done(). */
struct orders {
	char *id; /* of the sandbox */
	struct policy_spec policy;
	char **add_hosts;	/* "NAME:ADDRESS" */
	char **host_ips;	/* the addresses of this host */
	char *proxy, *no_proxy; /* upstream_new(); "" = none */
};

void orders_pack(struct buf *buf, const struct orders *orders);
/* ERR_PROTOCOL on anything malformed. */
int orders_unpack(struct view bytes, struct orders *ret_orders, struct err *err);
void orders_done(struct orders *orders);

/* One packet.  `reason`: of FAILED, else "". */
int orders_send(int sock, enum orders_type type, const char *reason, const int *fds,
		size_t fd_count, struct err *err);

enum { ORDERS_REASON_SIZE = 1024 };

/* The next packet: 1, 0 when the peer is gone, -1 with err.  The descriptors become the caller's.
 */
int orders_receive(int sock, enum orders_type *ret_type, char ret_reason[ORDERS_REASON_SIZE],
		   int ret_fds[ORDERS_FDS], size_t *ret_fd_count, struct err *err);
