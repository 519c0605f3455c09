// SPDX-License-Identifier: MIT
/*
 * The floor: see floor.h.  One table, the most specific range first; what is in no row is public.
 * 64:ff9b::/96 (NAT64) is the one that is looked into: in networks that have nothing but IPv6 every
 * name has such an address, so it is as public as the IPv4 address that it carries.
 */
#include "policy/floor.h"

#include "base/attr.h"

#include <string.h>

#define V4(a, b, c, d, bits)                                                        \
	{                                                                           \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + bits \
	}
/* The first three groups of 16 bits and the last; those between are 0. */
#define V6(a, b, c, last, bits)                                                                    \
	{                                                                                          \
		{{(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, (c) >> 8, (c)&0xff, 0, 0, 0, 0, 0, 0, 0, \
		  0, (last) >> 8, (last)&0xff}},                                                   \
			bits                                                                       \
	}

static const struct floor_range ranges[] = {
	/* IPv4 */
	{V4(0, 0, 0, 0, 8), "an address of \"this network\" (RFC 791)"},
	{V4(10, 0, 0, 0, 8), "a private address (RFC 1918)", FLOOR_BY_LOCAL_NET},
	{V4(100, 64, 0, 0, 10), "a carrier's shared address (RFC 6598)", FLOOR_BY_LOCAL_NET},
	{V4(127, 0, 0, 0, 8), "a loopback address", FLOOR_BY_SERVICE},
	{V4(169, 254, 0, 0, 16), "a link-local or cloud metadata address (RFC 3927)",
	 FLOOR_BY_RANGE},
	{V4(172, 16, 0, 0, 12), "a private address (RFC 1918)", FLOOR_BY_LOCAL_NET},
	{V4(192, 0, 0, 0, 24), "an address for protocols (RFC 6890)", FLOOR_BY_RANGE},
	{V4(192, 0, 2, 0, 24), "an address for documentation (RFC 5737)", FLOOR_BY_RANGE},
	{V4(192, 31, 196, 0, 24), "an AS112 address (RFC 7535)"},
	{V4(192, 52, 193, 0, 24), "a multicast relay's address (RFC 7450)"},
	{V4(192, 88, 99, 0, 24), "a 6to4 relay's address (RFC 7526)"},
	{V4(192, 168, 0, 0, 16), "a private address (RFC 1918)", FLOOR_BY_LOCAL_NET},
	{V4(192, 175, 48, 0, 24), "an AS112 address (RFC 7534)"},
	{V4(198, 18, 0, 0, 15), "an address for benchmarks (RFC 2544)", FLOOR_BY_RANGE},
	{V4(198, 51, 100, 0, 24), "an address for documentation (RFC 5737)", FLOOR_BY_RANGE},
	{V4(203, 0, 113, 0, 24), "an address for documentation (RFC 5737)", FLOOR_BY_RANGE},
	{V4(224, 0, 0, 0, 4), "a multicast address"},
	{V4(255, 255, 255, 255, 32), "the broadcast address"},
	{V4(240, 0, 0, 0, 4), "a reserved address (RFC 1112)", FLOOR_BY_RANGE},

	/* IPv6; an IPv4-mapped address is the IPv4 address */
	{V6(0, 0, 0, 0, 128), "the unspecified address"},
	{V6(0, 0, 0, 1, 128), "a loopback address", FLOOR_BY_SERVICE},
	{V6(0x0064, 0xff9b, 0, 0, 96), "a NAT64 address of no public address (RFC 6052)"},
	{V6(0x0064, 0xff9b, 1, 0, 48), "a local NAT64 address (RFC 8215)"},
	{V6(0x0100, 0, 0, 0, 64), "a discard address (RFC 6666)"},
	{V6(0x2001, 0, 0, 0, 32), "a Teredo address (RFC 4380)"},
	{V6(0x2001, 0, 0, 0, 23), "an address for protocols (RFC 2928)"},
	{V6(0x2001, 0x0db8, 0, 0, 32), "an address for documentation (RFC 3849)", FLOOR_BY_RANGE},
	{V6(0x2002, 0, 0, 0, 16), "a 6to4 address (RFC 3056)"},
	{V6(0x2620, 0x004f, 0x8000, 0, 48), "an AS112 address (RFC 7534)"},
	{V6(0x3fff, 0, 0, 0, 20), "an address for documentation (RFC 9637)", FLOOR_BY_RANGE},
	{V6(0x5f00, 0, 0, 0, 16), "a segment routing address (RFC 9602)"},
	{V6(0xfc00, 0, 0, 0, 7), "a private address (RFC 4193)", FLOOR_BY_LOCAL_NET},
	{V6(0xfe80, 0, 0, 0, 10), "a link-local address"},
	{V6(0xfec0, 0, 0, 0, 10), "a site-local address (RFC 3879)"},
	{V6(0xff00, 0, 0, 0, 8), "a multicast address"},
};

/* All of IPv6 that is given out, and the answer for the rest. */
static const struct ip_net global_unicast = V6(0x2000, 0, 0, 0, 3);
static const struct floor_range unassigned = {V6(0, 0, 0, 0, 0), "no global unicast address"};

static const struct ip_net nat64 = V6(0x0064, 0xff9b, 0, 0, 96);

static const struct floor_range *find_range(const struct ip *ip)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ip_net_contains(&ranges[i].net, ip))
			return &ranges[i];
	}
	if (ip_is_v4(ip) || ip_net_contains(&global_unicast, ip))
		return NULL;
	return &unassigned;
}

bool floor_nat64(const struct ip *ip, struct ip *ret_v4)
{
	struct ip v4 = {{[10] = 0xff, [11] = 0xff}};

	if (!ip_net_contains(&nat64, ip))
		return false;
	memcpy(v4.bytes + 12, ip->bytes + 12, 4);
	*ret_v4 = v4;
	return true;
}

const struct floor_range *floor_find(const struct ip *ip)
{
	struct ip carried;

	if (floor_nat64(ip, &carried) && !find_range(&carried))
		return NULL;
	return find_range(ip);
}

const struct floor_range *floor_find_net(const struct ip_net *net)
{
	const struct floor_range *range = find_range(&net->base);

	return range && range->net.bits <= net->bits ? range : NULL;
}
