// SPDX-License-Identifier: MIT
/*
 * The sealed network of one VM: a network namespace that nothing leads out of.
 *
 * Whatever the guest sends arrives at the TAP in there.  TCP to any address and any port lands on
 * one listening socket, DNS queries to any server on another; whoever holds these (the gateway,
 * which lives outside) decides, and connects from outside.  Everything else is dropped, IPv6 as a
 * whole.  No process is inside: the descriptors alone keep the namespace, and when the last of them
 * is closed, by whatever end of its holder, the kernel removes it with all that it has.
 *
 * Every VM has the same addresses (base/guest_net.h).
 */
#pragma once

#include "base/err.h"
#include "base/guest_net.h"

/* All non-blocking and close-on-exec. */
struct net {
	int tap_fd; /* for the VMM: frames behind a `struct virtio_net_hdr`, offloads as it asks */
	int tcp_fd; /* listens; getsockname() of an accepted one is whom the guest wanted */
	int udp_fd; /* port 53; IP_PKTINFO of a query is the server that the guest asked, and has to
		     * be given with the answer */
};

#define NET_INIT                                         \
	{                                                \
		.tap_fd = -1, .tcp_fd = -1, .udp_fd = -1 \
	}

/* Makes one.  Needs no privilege and changes nothing on the host.  Forks a child that ends before
 * this returns, so the caller should have no threads yet.
 *
 * ERR_UNAVAILABLE names what the host lacks or forbids (user namespaces, /dev/net/tun, a part of
 * its kernel) and the remedy; there is no lesser network to fall back to. */
int net_open(unsigned mtu, struct net *ret_net, struct err *err);

/* Closes what is still open of it (a descriptor that was handed on: -1), and empties it. */
void net_close(struct net *net);
