// SPDX-License-Identifier: MIT
/* Devices, addresses and routes of a sealed network. */
#pragma once

#include "base/err.h"

/* The mark of packets that are diverted to our sockets, and the table that delivers them. */
enum { ROUTE_MARK = 1, ROUTE_TABLE = 100 };

/* Brings up loopback and the TAP with its address.  The guest's hardware address is fixed, so that
 * nothing is learnt from it; what carries ROUTE_MARK is delivered here, whatever its address. */
int route_set_up(unsigned mtu, struct err *err);
