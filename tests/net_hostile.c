// SPDX-License-Identifier: MIT
/* Frames that must have no effect: see net_hostile.h. */
#include "net_hostile.h"

#include "base/attr.h"
#include "net/net.h"

#include <netinet/in.h>
#include <string.h>

static const uint8_t lsrr[] = {131, 7, 4, 8, 8, 8, 8, 0}, ssrr[] = {137, 7, 4, 8, 8, 8, 8, 0},
		     record_route[] = {7, 7, 4, 0, 0, 0, 0, 0};
static const uint8_t echo[] = {8, 0, 0, 0, 0, 1, 0, 1}, redirect[] = {5, 1, 0, 0, 8, 8, 8, 8};

#define PING	    .protocol = IPPROTO_ICMP, .data = echo, .len = sizeof(echo)
#define OPTIONS(of) .options = (of), .options_len = sizeof(of)

static const struct {
	const char *name;
	struct packet packet;
} packets[] = {
	{"TCP to loopback", {.to = "127.0.0.1", PACKET_SYN}},
	{"TCP to another loopback", {.to = "127.8.8.8", PACKET_SYN}},
	{"TCP to 0.0.0.0", {.to = "0.0.0.0", PACKET_SYN}},
	{"TCP to broadcast", {.to = "255.255.255.255", PACKET_SYN}},
	{"TCP to the link's broadcast", {.to = "100.64.0.3", PACKET_SYN}},
	{"TCP to multicast", {.to = "224.0.0.1", PACKET_SYN}},
	{"TCP to class E", {.to = "240.0.0.1", PACKET_SYN}},
	{"TCP from loopback", {.from = "127.0.0.1", .to = "8.8.8.8", PACKET_SYN}},
	{"TCP from the gateway", {.from = NET_GATEWAY_ADDRESS, .to = "8.8.8.8", PACKET_SYN}},
	{"TCP from a stranger", {.from = "8.8.4.4", .to = "8.8.8.8", PACKET_SYN}},
	{"TCP from 0.0.0.0", {.from = "0.0.0.0", .to = "8.8.8.8", PACKET_SYN}},
	{"TCP from broadcast", {.from = "100.64.0.3", .to = "8.8.8.8", PACKET_SYN}},
	{"TCP with a loose source route", {.to = NET_GATEWAY_ADDRESS, PACKET_SYN, OPTIONS(lsrr)}},
	{"TCP with a strict source route", {.to = NET_GATEWAY_ADDRESS, PACKET_SYN, OPTIONS(ssrr)}},
	{"TCP that records its route", {.to = "8.8.8.8", PACKET_SYN, OPTIONS(record_route)}},
	{"DNS to loopback", {.to = "127.0.0.53", PACKET_QUERY}},
	{"DNS to multicast", {.to = "224.0.0.251", PACKET_QUERY}},
	{"DNS to broadcast", {.to = "100.64.0.3", .from = "8.8.4.4", PACKET_QUERY}},
	{"DNS from a stranger", {.from = "8.8.4.4", .to = "8.8.8.8", PACKET_QUERY}},
	{"DNS with a source route", {.to = "8.8.8.8", PACKET_QUERY, OPTIONS(lsrr)}},
	{"ping to the gateway", {.to = NET_GATEWAY_ADDRESS, PING}},
	{"ping to the world", {.to = "8.8.8.8", PING}},
	{"ping with a source route", {.to = NET_GATEWAY_ADDRESS, PING, OPTIONS(lsrr)}},
	{"a redirect",
	 {.to = NET_GATEWAY_ADDRESS,
	  .protocol = IPPROTO_ICMP,
	  .data = redirect,
	  .len = sizeof(redirect)}},
	{"IGMP", {.to = "224.0.0.1", .protocol = IPPROTO_IGMP, .data = echo, .len = 8}},
	{"IP in IP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_IPIP, .data = echo, .len = 8}},
	{"6in4", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_IPV6, .data = echo, .len = 8}},
	{"GRE", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_GRE, .data = echo, .len = 8}},
	{"ESP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_ESP, .data = echo, .len = 8}},
	{"SCTP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_SCTP, .data = echo, .len = 8}},
	{"UDP-Lite", {.to = "8.8.8.8", .protocol = IPPROTO_UDPLITE, .data = echo, .len = 8}},
	{"an unknown protocol", {.to = "8.8.8.8", .protocol = 253, .data = echo, .len = 8}},
	{"DHCP",
	 {.from = "0.0.0.0",
	  .to = "255.255.255.255",
	  .protocol = IPPROTO_UDP,
	  .from_port = 68,
	  .to_port = 67,
	  .data = "",
	  .len = 0}},
};

void hostile_packets(hostile_fn *use, void *ctx)
{
	struct frame frame;

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		guest_frame(&frame, &packets[i].packet);
		use(ctx, packets[i].name, &frame);
	}
}

void hostile_fragments(hostile_fn *use, void *ctx)
{
	struct frame frame, parts[2];

	guest_frame(&frame, &(struct packet){.to = "9.9.9.9", PACKET_QUERY});
	guest_fragment(&frame, 8, parts);
	use(ctx, "the second part of a query", &parts[1]);
	guest_frame(&frame, &(struct packet){.to = "9.9.9.9", PACKET_SYN});
	guest_fragment(&frame, 8, parts);
	use(ctx, "the first part of a SYN", &parts[0]);
	frame.len = ETH_HEADER + IP_HEADER + 4;
	use(ctx, "a SYN cut short", &frame);
	frame.len = ETH_HEADER + 7;
	use(ctx, "an IP header cut short", &frame);
}

static const uint8_t neighbour_solicitation[24] = {135, [8] = 0xfe, 0x80, [20] = 0xfe, 0x40, 0, 1},
		     neighbour_advertisement[24] = {136, [4] = 0x20, [8] = 0xfe, 0x80, [23] = 1},
		     router_solicitation[8] = {133}, router_advertisement[16] = {134, [4] = 64},
		     echo6[8] = {128, [7] = 1}, listener_query[24] = {130},
		     syn6[20] = {0x9c, 0x40, 1, 0xbb, [12] = 0x50, SYN, 0xff, 0xff},
		     query6[13] = {0x9c, 0x40, 0, 53, 0, 13, [8] = 'q', 'u', 'e', 'r', 'y'},
		     hop_by_hop[8] = {IPPROTO_ICMPV6, 0, 5, 2}, fragment6[16] = {IPPROTO_ICMPV6};

#define BYTES(of) (of), sizeof(of)

static const struct {
	const char *name, *to;
	uint8_t protocol;
	const uint8_t *bytes;
	size_t len;
} packets6[] = {
	{"a neighbour solicitation", "ff02::1:ff40:1", IPPROTO_ICMPV6,
	 BYTES(neighbour_solicitation)},
	{"a neighbour advertisement", "ff02::1", IPPROTO_ICMPV6, BYTES(neighbour_advertisement)},
	{"a router solicitation", "ff02::2", IPPROTO_ICMPV6, BYTES(router_solicitation)},
	{"a router advertisement", "ff02::1", IPPROTO_ICMPV6, BYTES(router_advertisement)},
	{"a multicast listener query", "ff02::1", IPPROTO_ICMPV6, BYTES(listener_query)},
	{"ping to all", "ff02::1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"ping to the gateway", "fe80::64ff:fe40:1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"ping to loopback", "::1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"TCP", "2001:4860:4860::8888", IPPROTO_TCP, BYTES(syn6)},
	{"TCP to a mapped address", "::ffff:8.8.8.8", IPPROTO_TCP, BYTES(syn6)},
	{"TCP by NAT64", "64:ff9b::808:808", IPPROTO_TCP, BYTES(syn6)},
	{"DNS", "2001:4860:4860::8888", IPPROTO_UDP, BYTES(query6)},
	{"multicast DNS", "ff02::fb", IPPROTO_UDP, BYTES(query6)},
	{"a hop-by-hop header", "ff02::1", IPPROTO_HOPOPTS, BYTES(hop_by_hop)},
	{"a fragment", "ff02::1", IPPROTO_FRAGMENT, BYTES(fragment6)},
};

void hostile_packets6(hostile_fn *use, void *ctx)
{
	struct frame frame;

	for (size_t i = 0; i < ARRAY_SIZE(packets6); i++) {
		guest_frame6(&frame, packets6[i].to, packets6[i].protocol, packets6[i].bytes,
			     packets6[i].len);
		use(ctx, packets6[i].name, &frame);
	}
}

void hostile_arp(hostile_fn *use, void *ctx)
{
	static const char *const others[] = {"8.8.8.8",		"127.0.0.1",  "0.0.0.0",
					     NET_GUEST_ADDRESS, "100.64.0.3", "169.254.169.254"};
	struct frame frame;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		guest_arp(&frame, others[i]);
		use(ctx, others[i], &frame);
	}
	guest_arp(&frame, NET_GUEST_ADDRESS);
	frame.bytes[ETH_HEADER + 7] = 2;
	frame.bytes[ETH_HEADER + 8 + 5] ^= 0xff;
	use(ctx, "an ARP answer that moves the guest elsewhere", &frame);
}

static const uint16_t other_types[] = {
	0x8035 /* RARP */,  0x8847 /* MPLS */, 0x8863 /* PPPoE */,  0x8864,
	0x888e /* EAPOL */, 0x88cc /* LLDP */, 0x88e5 /* MACsec */, 0x0026 /* 802.3 */};

void hostile_frames(hostile_fn *use, void *ctx)
{
	uint8_t tagged[FRAME_SIZE] = {0, 5}; /* VLAN 5 */
	struct frame syn, frame;

	guest_frame(&syn, &(struct packet){.to = "8.8.8.8", PACKET_SYN});
	for (size_t i = 0; i < ARRAY_SIZE(other_types); i++) {
		guest_raw(&frame, other_types[i], syn.bytes + ETH_HEADER, syn.len - ETH_HEADER);
		use(ctx, "a frame of another protocol", &frame);
	}
	memcpy(tagged + 2, syn.bytes + 12, syn.len - 12);
	guest_raw(&frame, 0x8100, tagged, syn.len - 10);
	use(ctx, "a VLAN", &frame);
	guest_raw(&frame, 0x88a8, tagged, syn.len - 10);
	use(ctx, "a provider's VLAN", &frame);
	frame = syn;
	frame.bytes[5] ^= 0xff;
	use(ctx, "a frame to another station", &frame);
}
