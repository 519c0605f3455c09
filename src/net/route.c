// SPDX-License-Identifier: MIT
/*
 * The namespace's devices, addresses and routes, in one netlink batch.  There is no default route
 * and no device but loopback and the TAP: a packet that nothing diverts has nowhere to go.
 */
#include "net/route.h"

#include "net/net.h"
#include "net/netlink.h"
#include "net/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ether.h>

enum { NEW = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL };

static void put_mac(struct nlmsghdr *message, uint16_t type, const char *text)
{
	struct ether_addr mac = {0};

	ether_aton_r(text, &mac);
	mnl_attr_put(message, type, sizeof(mac), &mac);
}

static void add_link_up(struct netlink_batch *batch, unsigned index)
{
	struct nlmsghdr *message = netlink_add(batch, RTM_NEWLINK, NLM_F_ACK, "bring a link up");
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

	link->ifi_index = (int)index;
	link->ifi_flags = link->ifi_change = IFF_UP;
}

static void add_address(struct netlink_batch *batch, unsigned index)
{
	struct nlmsghdr *message = netlink_add(batch, RTM_NEWADDR, NEW, "set the TAP's address");
	struct ifaddrmsg *address = mnl_nlmsg_put_extra_header(message, sizeof(*address));

	address->ifa_family = AF_INET;
	address->ifa_prefixlen = NET_PREFIX_LEN;
	address->ifa_index = index;
	mnl_attr_put_u32(message, IFA_LOCAL, inet_addr(NET_GATEWAY_ADDRESS));
	mnl_attr_put_u32(message, IFA_ADDRESS, inet_addr(NET_GATEWAY_ADDRESS));
}

static void add_guest(struct netlink_batch *batch, unsigned index)
{
	struct nlmsghdr *message = netlink_add(batch, RTM_NEWNEIGH, NEW, "name the guest's MAC");
	struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(message, sizeof(*neighbour));

	neighbour->ndm_family = AF_INET;
	neighbour->ndm_ifindex = (int)index;
	neighbour->ndm_state = NUD_PERMANENT;
	mnl_attr_put_u32(message, NDA_DST, inet_addr(NET_GUEST_ADDRESS));
	put_mac(message, NDA_LLADDR, NET_GUEST_MAC);
}

static void add_local_route(struct netlink_batch *batch, unsigned loopback)
{
	struct nlmsghdr *message = netlink_add(batch, RTM_NEWROUTE, NEW, "add the local route");
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_table = ROUTE_TABLE;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_HOST;
	route->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(message, RTA_OIF, loopback);
}

static void add_rule(struct netlink_batch *batch)
{
	struct nlmsghdr *message =
		netlink_add(batch, RTM_NEWRULE, NEW, "routing rules (CONFIG_IP_MULTIPLE_TABLES)");
	struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(message, sizeof(*rule));

	rule->family = AF_INET;
	rule->table = ROUTE_TABLE;
	rule->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(message, FRA_FWMARK, ROUTE_MARK);
}

int route_set_up(unsigned mtu, struct err *err)
{
	struct netlink_batch batch = NETLINK_INIT;
	unsigned loopback = if_nametoindex("lo"), tap = if_nametoindex(TAP_NAME);

	if (loopback == 0 || tap == 0)
		return err_sys(err, errno, "find '%s'", tap ? "lo" : TAP_NAME);
	add_link_up(&batch, loopback);
	add_link_up(&batch, tap);
	put_mac(batch.last, IFLA_ADDRESS, NET_GATEWAY_MAC);
	mnl_attr_put_u32(batch.last, IFLA_MTU, mtu);
	add_address(&batch, tap);
	add_guest(&batch, tap);
	add_local_route(&batch, loopback);
	add_rule(&batch);
	return netlink_run(NETLINK_ROUTE, &batch, err);
}
