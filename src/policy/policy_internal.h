// SPDX-License-Identifier: MIT
/* A policy as policy.c makes it, check.c asks it and verdict.c words what came out. */
#pragma once

#include "policy/floor.h"
#include "policy/policy.h"

struct policy {
	char *id;	 /* NULL = no VM yet */
	bool open;	 /* no list is enforced */
	bool local_nets; /* RFC 1918, ULA and CGNAT are open */
	struct host_entry *entries;
	size_t entry_count;
	struct ip_net *opened; /* by allow_private */
	size_t opened_count;
	struct host_service *pins; /* port 0: of add_hosts, at any port that the list allows */
	size_t pin_count;
	struct ip *own; /* addresses of this host */
	size_t own_count;
};

/* What is asked for, once it has been read. */
struct subject {
	enum policy_protocol protocol;
	char name[HOST_NAME_SIZE]; /* "" = `ip` */
	struct ip ip;
	uint16_t port;
};

/* An address that the floor closes. */
struct closed {
	struct ip ip;
	const struct floor_range *range; /* NULL = an address of this host */
};

enum { CLOSED_SHOWN = 4 };

/* Each fills the whole verdict. */
void verdict_allow(const struct subject *subject, enum policy_needs needs, const char *rule,
		   struct policy_verdict *ret_verdict);
void verdict_invalid(const char *reason, struct policy_verdict *ret_verdict);

/* `host_listed`: the list has the host, but not for this port or protocol.  `closed` if the floor
 * is in the way too, else NULL. */
void verdict_not_listed(const struct policy *policy, const struct subject *subject,
			bool host_listed, const struct closed *closed,
			struct policy_verdict *ret_verdict);

/* `count` of 1 to CLOSED_SHOWN. */
void verdict_closed(const struct subject *subject, const struct closed *closed, size_t count,
		    struct policy_verdict *ret_verdict);
