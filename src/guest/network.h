// SPDX-License-Identifier: MIT
/*
 * The guest's network: loopback, and one card with the addresses of base/guest_net.h, which leads
 * to the gateway and to nobody else.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* Every VM has it. */
int network_raise_loopback(struct err *err);

/* Binds the card as eth0 and raises it with address, route and neighbour; nothing is sent. */
int network_raise(uint32_t mtu, struct err *err);

int network_set_mtu(uint32_t mtu, struct err *err);
