// SPDX-License-Identifier: MIT
/*
 * The host's own names, looked up by a process of its own (gateway/resolver_child.h), since they
 * need files and libraries that the gateway has no access to.  Answers about addresses are
 * remembered for LIMIT_RESOLVER_KEEP_MS, so that a guest's query and the connection that follows
 * mean the same addresses; equal questions at the same time are asked once.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"
#include "gateway/dns.h"

#include <stddef.h>
#include <uv.h>

struct resolver;
struct resolver_query;

struct resolver_reply {
	/* NOERROR without anything: the name has nothing of that type.  SERVFAIL: nobody knows at
	 * the moment. */
	enum dns_rcode rcode;
	const struct ip
		*ips; /* IPv4 and IPv6, in the order of preference; at most LIMIT_RESOLVED */
	size_t ip_count;
	const struct dns_record *records; /* each dns_data_ok() */
	size_t record_count;
};

/* Called once, from the loop and never from within the asking call.  The reply lives as long as the
 * call. */
typedef void resolver_done_fn(void *ctx, const struct resolver_reply *reply);

/* `sock` (SOCK_SEQPACKET to the child) is taken over. */
int resolver_open(uv_loop_t *loop, int sock, struct resolver **ret_resolver, struct err *err);
/* Queries that wait end without a call. */
void resolver_close(struct resolver *resolver);

/* `name` is in the form of api/host_name.h, and allowed: it is sent to whoever the host asks.  NULL
 * when LIMIT_RESOLVER_QUERIES wait already. */
struct resolver_query *resolver_addresses(struct resolver *resolver, const char *name,
					  resolver_done_fn *done, void *ctx);
struct resolver_query *resolver_records(struct resolver *resolver, const char *name,
					enum dns_type type, resolver_done_fn *done, void *ctx);
/* No call follows. */
void resolver_cancel(struct resolver_query *query);
