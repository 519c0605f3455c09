// SPDX-License-Identifier: MIT
/*
 * Tables, chains and rules of nftables (family inet) as netlink messages.  A rule is a list of
 * expressions that run one after the other; a comparison that fails ends it, a verdict decides.
 */
#pragma once

#include "net/netlink.h"

#include <netinet/in.h> /* before the kernel's, which would define it all again */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

struct nft_chain {
	const char *name;
	uint32_t hook; /* NF_INET_... */
	int32_t priority;
};

/* All work on one register. */
enum nft_kind {
	NFT_END,     /* no more expressions */
	NFT_META,    /* load a property of the packet, `key`: NFT_META_... */
	NFT_PAYLOAD, /* load `len` bytes at `offset` of a header, `key`: NFT_PAYLOAD_... */
	NFT_MASK,    /* keep the bits `bytes` */
	NFT_COMPARE, /* go on if it is `bytes`, or is not, `key`: NFT_CMP_... */
	NFT_LOAD,    /* load `bytes` */
	NFT_MARK,    /* mark the packet with what is loaded */
	NFT_TPROXY,  /* find our IPv4 socket for it; the listening one's port is what is loaded */
	NFT_LIMIT,   /* go on for `number` packets a second */
	NFT_REJECT,  /* ICMP to the sender, `key`: NFT_REJECT_ICMPX_... */
	NFT_VERDICT, /* `number`: NF_ACCEPT, NF_DROP */
};

struct nft_expr {
	enum nft_kind kind;
	uint8_t key, offset, len;
	union {
		uint8_t bytes[16]; /* `len` of them, as in a packet */
		uint32_t number;   /* the same as a number of the kernel's */
	};
};

enum { NFT_RULE_EXPRS = 12 };

struct nft_rule {
	const char *chain;
	struct nft_expr exprs[NFT_RULE_EXPRS];
};

/* What is between these two takes effect as a whole or not at all. */
void nft_begin(struct netlink_batch *batch);
void nft_commit(struct netlink_batch *batch);

void nft_add_table(struct netlink_batch *batch, const char *table);
/* A chain drops what none of its rules accepts. */
void nft_add_chain(struct netlink_batch *batch, const char *table, const struct nft_chain *chain);
void nft_add_rule(struct netlink_batch *batch, const char *table, const struct nft_rule *rule);
