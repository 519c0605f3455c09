// SPDX-License-Identifier: MIT
/*
 * The floor: addresses that are not the public internet (the IANA registries of special-purpose
 * addresses, multicast, what is reserved, and forms that carry an IPv4 address).  No name, list or
 * mode leads to them; what opens one of them is said in policy.h.
 */
#pragma once

#include "base/ip.h"

#include <stdbool.h>

/* What opens a range; each also what those before it say. */
enum floor_opens {
	FLOOR_NEVER,
	FLOOR_BY_SERVICE,   /* one port, as a host service */
	FLOOR_BY_RANGE,	    /* named by --allow-private or --add-host */
	FLOOR_BY_LOCAL_NET, /* block_private_ips false */
};

struct floor_range {
	struct ip_net net;
	const char *name; /* "a private address (RFC 1918)" */
	enum floor_opens opens;
};

/* Where the address is closed; NULL = public.  Static. */
const struct floor_range *floor_find(const struct ip *ip);

/* The IPv4 address that a NAT64 address (64:ff9b::/96) leads to; false for any other address. */
bool floor_nat64(const struct ip *ip, struct ip *ret_v4);

/* The range that holds all of `net`; NULL if none does.  Static. */
const struct floor_range *floor_find_net(const struct ip_net *net);
