// SPDX-License-Identifier: MIT
/*
 * The addresses in the sealed network of a VM (net/net.h): the same in every VM, so that a saved
 * guest needs no new ones.  Known to who makes the network, to the VMM's card and to the guest.
 */
#pragma once

#define NET_GATEWAY_ADDRESS "100.64.0.1"
#define NET_GATEWAY_MAC	    "02:00:64:40:00:01"
#define NET_GUEST_ADDRESS   "100.64.0.2" /* no other source is let in */
#define NET_GUEST_MAC	    "02:00:64:40:00:02"

enum {
	NET_PREFIX_LEN = 30,
	NET_MTU_MIN = 68,    /* of IPv4 */
	NET_MTU_MAX = 65521, /* of a TAP */
};
