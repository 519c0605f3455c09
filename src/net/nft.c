// SPDX-License-Identifier: MIT
/*
 * nftables over netlink: see nft.h.  One writer a kind of expression.  Numbers are big-endian on
 * this interface, but what goes through the register is as the packet or the kernel has it.
 */
#include "net/nft.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>

enum { NEW = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL };

static void put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(message, type, htonl(value));
}

static void put_u64(struct nlmsghdr *message, uint16_t type, uint64_t value)
{
	mnl_attr_put_u64(message, type, htobe64(value));
}

static void put_value(struct nlmsghdr *message, uint16_t type, const struct nft_expr *expr)
{
	struct nlattr *data = mnl_attr_nest_start(message, type);

	mnl_attr_put(message, NFTA_DATA_VALUE, expr->len, expr->bytes);
	mnl_attr_nest_end(message, data);
}

static void put_meta(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u32(message, NFTA_META_DREG, NFT_REG_1);
	put_u32(message, NFTA_META_KEY, expr->key);
}

static void put_payload(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u32(message, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_u32(message, NFTA_PAYLOAD_BASE, expr->key);
	put_u32(message, NFTA_PAYLOAD_OFFSET, expr->offset);
	put_u32(message, NFTA_PAYLOAD_LEN, expr->len);
}

static void put_mask(struct nlmsghdr *message, const struct nft_expr *expr)
{
	const struct nft_expr flip_none = {.len = expr->len};

	put_u32(message, NFTA_BITWISE_SREG, NFT_REG_1);
	put_u32(message, NFTA_BITWISE_DREG, NFT_REG_1);
	put_u32(message, NFTA_BITWISE_LEN, expr->len);
	put_value(message, NFTA_BITWISE_MASK, expr);
	put_value(message, NFTA_BITWISE_XOR, &flip_none);
}

static void put_compare(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u32(message, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(message, NFTA_CMP_OP, expr->key);
	put_value(message, NFTA_CMP_DATA, expr);
}

static void put_load(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u32(message, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(message, NFTA_IMMEDIATE_DATA, expr);
}

static void put_mark(struct nlmsghdr *message, const struct nft_expr *expr)
{
	(void)expr;
	put_u32(message, NFTA_META_KEY, NFT_META_MARK);
	put_u32(message, NFTA_META_SREG, NFT_REG_1);
}

static void put_tproxy(struct nlmsghdr *message, const struct nft_expr *expr)
{
	(void)expr;
	put_u32(message, NFTA_TPROXY_FAMILY, NFPROTO_IPV4);
	put_u32(message, NFTA_TPROXY_REG_PORT, NFT_REG_1);
}

static void put_limit(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u64(message, NFTA_LIMIT_RATE, expr->number);
	put_u64(message, NFTA_LIMIT_UNIT, 1); /* second */
	put_u32(message, NFTA_LIMIT_BURST, 5);
	put_u32(message, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
}

static void put_reject(struct nlmsghdr *message, const struct nft_expr *expr)
{
	put_u32(message, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	mnl_attr_put_u8(message, NFTA_REJECT_ICMP_CODE, expr->key);
}

static void put_verdict(struct nlmsghdr *message, const struct nft_expr *expr)
{
	struct nlattr *data, *verdict;

	put_u32(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
	put_u32(message, NFTA_VERDICT_CODE, expr->number);
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, data);
}

/* The kernel's name of each kind, and what it is given. */
static const struct {
	const char *name;
	void (*put)(struct nlmsghdr *message, const struct nft_expr *expr);
} kinds[] = {
	[NFT_META] = {"meta", put_meta},       [NFT_PAYLOAD] = {"payload", put_payload},
	[NFT_MASK] = {"bitwise", put_mask},    [NFT_COMPARE] = {"cmp", put_compare},
	[NFT_LOAD] = {"immediate", put_load},  [NFT_MARK] = {"meta", put_mark},
	[NFT_TPROXY] = {"tproxy", put_tproxy}, [NFT_LIMIT] = {"limit", put_limit},
	[NFT_REJECT] = {"reject", put_reject}, [NFT_VERDICT] = {"immediate", put_verdict},
};

static struct nlmsghdr *add(struct netlink_batch *batch, int type, const char *what)
{
	struct nlmsghdr *message = netlink_add(batch, NFNL_SUBSYS_NFTABLES << 8 | type, NEW, what);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	family->nfgen_family = NFPROTO_INET;
	family->version = NFNETLINK_V0;
	return message;
}

static void add_border(struct netlink_batch *batch, int type)
{
	struct nlmsghdr *message = netlink_add(batch, type, 0, "nftables (nf_tables)");
	struct nfgenmsg *subsystem = mnl_nlmsg_put_extra_header(message, sizeof(*subsystem));

	subsystem->version = NFNETLINK_V0;
	subsystem->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

void nft_begin(struct netlink_batch *batch)
{
	add_border(batch, NFNL_MSG_BATCH_BEGIN);
}

void nft_commit(struct netlink_batch *batch)
{
	add_border(batch, NFNL_MSG_BATCH_END);
}

void nft_add_table(struct netlink_batch *batch, const char *table)
{
	struct nlmsghdr *message = add(batch, NFT_MSG_NEWTABLE, "nftables (nf_tables)");

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
}

void nft_add_chain(struct netlink_batch *batch, const char *table, const struct nft_chain *chain)
{
	struct nlmsghdr *message = add(batch, NFT_MSG_NEWCHAIN, "nftables (nf_tables_inet)");
	struct nlattr *hook;

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	put_u32(message, NFTA_HOOK_HOOKNUM, chain->hook);
	put_u32(message, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	mnl_attr_nest_end(message, hook);
	put_u32(message, NFTA_CHAIN_POLICY, NF_DROP);
}

void nft_add_rule(struct netlink_batch *batch, const char *table, const struct nft_rule *rule)
{
	struct nlmsghdr *message =
		add(batch, NFT_MSG_NEWRULE,
		    "an expression of nftables (nft_tproxy, nft_reject_inet, nft_limit)");
	struct nlattr *list;

	message->nlmsg_flags |= NLM_F_APPEND;
	message->nlmsg_flags &= (uint16_t)~NLM_F_EXCL;
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, rule->chain);
	list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	for (size_t i = 0; i < NFT_RULE_EXPRS && rule->exprs[i].kind != NFT_END; i++) {
		const struct nft_expr *expr = &rule->exprs[i];
		struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM), *data;

		mnl_attr_put_strz(message, NFTA_EXPR_NAME, kinds[expr->kind].name);
		data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
		kinds[expr->kind].put(message, expr);
		mnl_attr_nest_end(message, data);
		mnl_attr_nest_end(message, element);
	}
	mnl_attr_nest_end(message, list);
}
