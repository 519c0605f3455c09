// SPDX-License-Identifier: MIT
/*
 * The packet filter.  It is the second lock: the namespace has no way out by itself.  In the
 * language of nft, in which tests/net.c compares what is loaded (tests/net.nft):
 *
 *	chain pre {
 *		type filter hook prerouting priority mangle; policy drop;
 *		iifname != "tap0" drop
 *		meta nfproto != ipv4 drop
 *		ip saddr != 100.64.0.2 drop
 *		ip daddr 0.0.0.0/8 drop
 *		ip daddr 127.0.0.0/8 drop
 *		ip daddr 224.0.0.0/3 drop
 *		ip hdrlength != 5 drop
 *		meta l4proto tcp tproxy ip to :1 meta mark set 1 accept
 *		udp dport 53 tproxy ip to :53 meta mark set 1 accept
 *		meta l4proto udp limit rate 200/second reject with icmpx admin-prohibited
 *	}
 *	chain in   { type filter hook input priority filter; policy drop; meta mark 1 accept; }
 *	chain forw { type filter hook forward priority filter; policy drop; }
 *	chain out  { type filter hook output priority filter; policy drop;
 *		     oifname "tap0" meta nfproto ipv4 accept; }
 *
 * Options in the header (source routes among them) make it longer than five words.  Established
 * connections need no rule: tproxy looks for their socket first.  UDP is refused by ICMP, so that
 * a client of QUIC or NTP turns to something else at once; TCP is never limited here, since each
 * dropped SYN would cost its sender a second.
 */
#include "net/ruleset.h"

#include "net/listen.h"
#include "net/nft.h"
#include "net/route.h"
#include "net/tap.h"

#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <netinet/in.h>

#define TABLE "box"

#define META(what)                               \
	{                                        \
		NFT_META, .key = NFT_META_##what \
	}
#define IP_HEADER(at, n)                                                                   \
	{                                                                                  \
		NFT_PAYLOAD, .key = NFT_PAYLOAD_NETWORK_HEADER, .offset = (at), .len = (n) \
	}
#define L4_HEADER(at, n)                                                                     \
	{                                                                                    \
		NFT_PAYLOAD, .key = NFT_PAYLOAD_TRANSPORT_HEADER, .offset = (at), .len = (n) \
	}
#define BYTES(...) .len = sizeof((uint8_t[]){__VA_ARGS__}), .bytes = {__VA_ARGS__}
#define NUMBER(n)  .len = sizeof(uint32_t), .number = (n)
#define MASK(...)                            \
	{                                    \
		NFT_MASK, BYTES(__VA_ARGS__) \
	}
#define IS(...)                                                    \
	{                                                          \
		NFT_COMPARE, .key = NFT_CMP_EQ, BYTES(__VA_ARGS__) \
	}
#define IS_NOT(...)                                                 \
	{                                                           \
		NFT_COMPARE, .key = NFT_CMP_NEQ, BYTES(__VA_ARGS__) \
	}
#define ACCEPT                                   \
	{                                        \
		NFT_VERDICT, .number = NF_ACCEPT \
	}
#define DROP                                   \
	{                                      \
		NFT_VERDICT, .number = NF_DROP \
	}

/* Longer ones, in their own words. */
#define IPV4	    META(NFPROTO), IS(NFPROTO_IPV4)
#define PROTOCOL(n) META(L4PROTO), IS(n)
#define TAP_NAMED(op)                                                        \
	{                                                                    \
		NFT_COMPARE, .key = (op), .len = IFNAMSIZ, .bytes = TAP_NAME \
	}
#define TO_SOCKET(port)                                                                         \
	{NFT_LOAD, BYTES(0, (port))}, {NFT_TPROXY}, {NFT_LOAD, NUMBER(ROUTE_MARK)}, {NFT_MARK}, \
		ACCEPT

static const struct nft_chain chains[] = {
	{"pre", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE},
	{"in", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
	{"forw", NF_INET_FORWARD, NF_IP_PRI_FILTER},
	{"out", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER},
};

static const struct nft_rule rules[] = {
	{"pre", {META(IIFNAME), TAP_NAMED(NFT_CMP_NEQ), DROP}},
	{"pre", {META(NFPROTO), IS_NOT(NFPROTO_IPV4), DROP}},
	{"pre", {IPV4, IP_HEADER(12, 4), IS_NOT(100, 64, 0, 2), DROP}},
	{"pre", {IPV4, IP_HEADER(16, 4), MASK(255, 0, 0, 0), IS(0, 0, 0, 0), DROP}},
	{"pre", {IPV4, IP_HEADER(16, 4), MASK(255, 0, 0, 0), IS(127, 0, 0, 0), DROP}},
	{"pre", {IPV4, IP_HEADER(16, 4), MASK(224, 0, 0, 0), IS(224, 0, 0, 0), DROP}},
	{"pre", {IPV4, IP_HEADER(0, 1), MASK(0x0f), IS_NOT(5), DROP}},
	{"pre", {PROTOCOL(IPPROTO_TCP), TO_SOCKET(LISTEN_TCP_PORT)}},
	{"pre", {PROTOCOL(IPPROTO_UDP), L4_HEADER(2, 2), IS(0, 53), TO_SOCKET(LISTEN_DNS_PORT)}},
	{"pre",
	 {PROTOCOL(IPPROTO_UDP),
	  {NFT_LIMIT, .number = 200},
	  {NFT_REJECT, .key = NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}},
	{"in", {META(MARK), {NFT_COMPARE, .key = NFT_CMP_EQ, NUMBER(ROUTE_MARK)}, ACCEPT}},
	{"out", {META(OIFNAME), TAP_NAMED(NFT_CMP_EQ), IPV4, ACCEPT}},
};

int ruleset_load(struct err *err)
{
	struct netlink_batch batch = NETLINK_INIT;

	nft_begin(&batch);
	nft_add_table(&batch, TABLE);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_add_chain(&batch, TABLE, &chains[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		nft_add_rule(&batch, TABLE, &rules[i]);
	nft_commit(&batch);
	return netlink_run(NETLINK_NETFILTER, &batch, err);
}
