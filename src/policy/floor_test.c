// SPDX-License-Identifier: MIT
/*
 * The floor against the registries of IANA (iana-ipv4-special-registry, iana-ipv6-special-registry,
 * as of 2025) and the RFCs, and against a slow reading of the same ranges, bit by bit.
 */
#include "policy/floor.h"

#include "base/attr.h"
#include "base/tap.h"

#include <stdlib.h>

/* First and last address of what is closed, and its neighbours, which are not ("" = no neighbour
 * that is public). */
struct row {
	const char *before, *first, *last, *after;
};

static const struct row closed_v4[] = {
	{"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
	{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
	{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
	{"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
	{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
	{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
	{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
	{"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
	{"192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"},
	{"192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"},
	{"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
	{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
	{"192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"},
	{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
	{"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
	{"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
	{"223.255.255.255", "224.0.0.0", "239.255.255.255", ""},
	{"", "240.0.0.0", "255.255.255.254", ""},
	{"", "255.255.255.255", "255.255.255.255", ""},
};

static const struct row closed_v6[] = {
	{"", "::", "::", ""},
	{"", "::1", "::1", ""},
	{"", "::2", "::ffff:ffff", ""},			/* IPv4-compatible */
	{"", "::ffff:0:0:0", "::ffff:0:ffff:ffff", ""}, /* IPv4-translated */
	{"", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""},
	{"", "64:ff9b::1:0:0", "64:ff9b:0:ffff::", ""}, /* beside NAT64 */
	{"", "100::", "100::ffff:ffff:ffff:ffff", ""},
	{"", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", ""},
	{"", "200::", "1fff:ffff::", "2000::"},
	{"2000:ffff:ffff::", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", ""},
	{"", "2001:1::1", "2001:1::3", ""},
	{"", "2001:2::", "2001:2:0:ffff::", ""},
	{"", "2001:3::", "2001:4:112::", ""},
	{"", "2001:10::", "2001:3f:ffff::", ""},
	{"", "2001:1f0::", "2001:1ff:ffff::", "2001:200::"},
	{"2001:db7:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
	{"2001:ffff::", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
	{"2620:4f:7fff::", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
	 "2620:4f:8001::"},
	{"3ffe:ffff::", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
	{"3fff:ffff::", "4000::", "5eff::", ""},
	{"", "5f00::", "5f00:ffff::", ""},
	{"", "5f01::", "fbff::", ""},
	{"", "fc00::", "fcff::", ""},
	{"", "fd00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
	{"", "fe00::", "fe7f::", ""},
	{"", "fe80::", "febf:ffff::", ""},
	{"", "fec0::", "feff:ffff::", ""},
	{"", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
};

/* Forms that carry an IPv4 address. */
static const struct {
	const char *ip;
	bool closed;
} forms[] = {
	{"::ffff:10.0.0.1", true},
	{"::ffff:127.0.0.1", true},
	{"::ffff:169.254.169.254", true},
	{"::ffff:0.0.0.0", true},
	{"::ffff:8.8.8.8", false},
	{"64:ff9b::8.8.8.8", false},
	{"64:ff9b::10.0.0.1", true},
	{"64:ff9b::127.0.0.1", true},
	{"64:ff9b::169.254.169.254", true},
	{"64:ff9b::192.0.2.1", true},
	{"64:ff9b::", true},
	{"64:ff9b::255.255.255.255", true},
	{"64:ff9b:1::8.8.8.8", true},
	{"2002:808:808::1", true},
	{"2002:7f00:1::1", true},
	{"2001:0:808:808::f7f7:f7f7", true},
	{"::8.8.8.8", true},
	{"::127.0.0.1", true},
	{"::ffff:0:8.8.8.8", true},
};

/* What the public internet is made of. */
static const char *const open_ips[] = {
	"1.1.1.1",	 "8.8.8.8",
	"93.184.216.34", "99.255.255.255",
	"151.101.1.140", "192.0.1.1",
	"192.1.0.0",	 "198.20.0.1",
	"203.0.112.1",	 "223.255.255.254",
	"2001:200::1",	 "2001:4860:4860::8888",
	"2400:cb00::1",	 "2606:4700:4700::1111",
	"2620:fe::fe",	 "2a00:1450:4001::1",
	"3000::1",
};

static bool is_closed(const char *text)
{
	struct ip ip;

	CHECK(ip_parse(text, &ip));
	return floor_find(&ip) != NULL;
}

static void check_row(const struct row *row)
{
	bool right = is_closed(row->first) && is_closed(row->last) &&
		     (!*row->before || !is_closed(row->before)) &&
		     (!*row->after || !is_closed(row->after));

	CHECK(right);
	if (!right)
		printf("# %s to %s\n", row->first, row->last);
}

/* The bits of an address as a text of 0 and 1. */
static void spell(const struct ip *ip, char ret_bits[129])
{
	for (int i = 0; i < 128; i++)
		ret_bits[i] = ip->bytes[i / 8] & 128 >> i % 8 ? '1' : '0';
	ret_bits[128] = '\0';
}

static bool between(const struct row *row, const char *bits)
{
	char first[129], last[129];
	struct ip ip;

	ip_parse(row->first, &ip);
	spell(&ip, first);
	ip_parse(row->last, &ip);
	spell(&ip, last);
	return strcmp(first, bits) <= 0 && strcmp(bits, last) <= 0;
}

static bool slowly_closed_v4(const struct ip *ip)
{
	char bits[129];

	spell(ip, bits);
	for (size_t i = 0; i < ARRAY_SIZE(closed_v4); i++) {
		if (between(&closed_v4[i], bits))
			return true;
	}
	return false;
}

static void check_random(void)
{
	static const struct ip_net v6_open = {{{0x24}}, 8}; /* within all that is given out */
	unsigned wrong = 0;
	struct ip ip = {{[10] = 0xff, [11] = 0xff}};

	TEST("100,000 random IPv4 addresses: as the bits of the registry say, in all three forms");
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		struct ip nat64 = {{0, 0x64, 0xff, 0x9b}};
		long value = random() ^ random() << 16;
		bool closed;

		memcpy(ip.bytes + 12, &value, 4);
		if (i % 2) /* near a border */
			ip_parse(i % 4 == 1 ? closed_v4[i / 4 % ARRAY_SIZE(closed_v4)].first
					    : closed_v4[i / 4 % ARRAY_SIZE(closed_v4)].last,
				 &ip);
		ip.bytes[12 + (value >> 20) % 4] ^= (uint8_t)(1 << (value >> 24) % 8);
		closed = slowly_closed_v4(&ip);
		memcpy(nat64.bytes + 12, ip.bytes + 12, 4);
		wrong += (floor_find(&ip) != NULL) != closed;
		wrong += (floor_find(&nat64) != NULL) != closed;
		nat64.bytes[5] = 1; /* another NAT64 prefix */
		wrong += floor_find(&nat64) == NULL;
	}
	CHECK(wrong == 0);

	TEST("random IPv6 addresses: closed outside 2000::/3, open in 2400::/8");
	wrong = 0;
	for (int i = 0; i < 100000; i++) {
		for (int j = 0; j < 16; j++)
			ip.bytes[j] = (uint8_t)random();
		if (ip.bytes[0] >> 5 != 1)
			wrong += floor_find(&ip) == NULL;
		else if (ip_net_contains(&v6_open, &ip))
			wrong += floor_find(&ip) != NULL;
	}
	CHECK(wrong == 0);
}

static void check_nets(void)
{
	static const struct {
		const char *net;
		bool whole;
	} nets[] = {
		{"10.0.0.0/8", true},	  {"10.1.2.0/24", true},  {"10.1.2.3", true},
		{"8.0.0.0/7", false},	  {"0.0.0.0/0", false},	  {"192.168.0.0/15", false},
		{"192.168.0.0/16", true}, {"fc00::/7", true},	  {"fc00::/6", false},
		{"::/0", false},	  {"8.8.8.0/24", false},  {"127.0.0.0/8", true},
		{"240.0.0.0/4", true},	  {"240.0.0.0/3", false}, {"2001:db8::/32", true},
	};

	TEST("a range is of the floor if one range of the floor holds all of it");
	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		struct err err = {0};
		struct ip_net net;

		if (ip_net_parse(nets[i].net, &net, &err) < 0) {
			CHECK(!nets[i].whole);
			continue;
		}
		CHECK((floor_find_net(&net) != NULL) == nets[i].whole);
	}
}

int main(void)
{
	TEST("IPv4: each range closed to its borders");
	for (size_t i = 0; i < ARRAY_SIZE(closed_v4); i++)
		check_row(&closed_v4[i]);
	TEST("IPv6: each range closed to its borders");
	for (size_t i = 0; i < ARRAY_SIZE(closed_v6); i++)
		check_row(&closed_v6[i]);
	TEST("forms that carry an IPv4 address");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		CHECK(is_closed(forms[i].ip) == forms[i].closed);
	TEST("public addresses are open");
	for (size_t i = 0; i < ARRAY_SIZE(open_ips); i++)
		CHECK(!is_closed(open_ips[i]));
	check_random();
	check_nets();
	return tap_done();
}
