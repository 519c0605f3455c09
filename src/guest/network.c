// SPDX-License-Identifier: MIT
/*
 * The guest's network: see network.h.
 *
 * The gateway is a permanent neighbour, since its address is as fixed as ours: no packet waits for
 * an answer to ARP, in no clone either.  IPv6 is off on the card before it is up, so that it sends
 * none of its solicitations, which nobody would answer.
 *
 * Failure modes: the VM has no card, its driver is not there: the set-up fails and says so.
 */
#include "guest/network.h"

#include "base/auto.h"
#include "base/guest_net.h"
#include "guest/fs.h"
#include "guest/virtio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
/* Not <net/route.h>, which a header of ours hides, and behind <net/if.h>, which it agrees with. */
#include <linux/route.h>

#define LOOPBACK "lo"
#define CARD	 "eth0"

static int ask_kernel(unsigned long request, void *argument, const char *what, struct err *err)
{
	AUTO_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, request, argument) < 0)
		return err_sys(err, errno, "%s", what);
	return 0;
}

static void put_address(struct sockaddr *ret_address, const char *text)
{
	*(struct sockaddr_in *)(void *)ret_address =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text)};
}

static int raise_link(const char *name, struct err *err)
{
	struct ifreq request = {.ifr_flags = IFF_UP};

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return ask_kernel(SIOCSIFFLAGS, &request, name, err);
}

static int set_address(struct err *err)
{
	struct ifreq address = {.ifr_name = CARD}, mask = {.ifr_name = CARD};
	struct sockaddr_in bits = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(~0u << (32 - NET_PREFIX_LEN))};

	put_address(&address.ifr_addr, NET_GUEST_ADDRESS);
	memcpy(&mask.ifr_netmask, &bits, sizeof(bits));
	if (ask_kernel(SIOCSIFADDR, &address, CARD ": set the address", err) < 0)
		return -1;
	return ask_kernel(SIOCSIFNETMASK, &mask, CARD ": set the network mask", err);
}

static int set_gateway(struct err *err)
{
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct arpreq neighbour = {.arp_flags = ATF_PERM | ATF_COM, .arp_dev = CARD};

	put_address(&route.rt_dst, "0.0.0.0");
	put_address(&route.rt_genmask, "0.0.0.0");
	put_address(&route.rt_gateway, NET_GATEWAY_ADDRESS);
	put_address(&neighbour.arp_pa, NET_GATEWAY_ADDRESS);
	neighbour.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(neighbour.arp_ha.sa_data, ether_aton(NET_GATEWAY_MAC), ETH_ALEN);
	if (ask_kernel(SIOCSARP, &neighbour, CARD ": set the gateway's MAC address", err) < 0)
		return -1;
	return ask_kernel(SIOCADDRT, &route, CARD ": set the default route", err);
}

int network_raise_loopback(struct err *err)
{
	return raise_link(LOOPBACK, err);
}

int network_set_mtu(uint32_t mtu, struct err *err)
{
	struct ifreq request = {.ifr_name = CARD, .ifr_mtu = (int)mtu};

	return ask_kernel(SIOCSIFMTU, &request, CARD ": set the MTU", err);
}

int network_raise(uint32_t mtu, struct err *err)
{
	unsigned cards[VIRTIO_MAX];
	struct err ignored;

	if (virtio_list(VIRTIO_NET, cards) == 0)
		return err_set(err, ERR_INVALID, "the host speaks of a network, the VM has none");
	if (virtio_bind(VIRTIO_NET, cards[0], err) < 0)
		return err_wrap(err, "network card");
	/* A kernel without IPv6 has no such file. */
	(void)fs_write("/proc/sys/net/ipv6/conf/" CARD "/disable_ipv6", "1", &ignored);
	if (network_set_mtu(mtu, err) < 0 || set_address(err) < 0 || raise_link(CARD, err) < 0)
		return -1;
	return set_gateway(err);
}
