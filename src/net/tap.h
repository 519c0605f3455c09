// SPDX-License-Identifier: MIT
/* The TAP, whose descriptor is the guest's end of the wire. */
#pragma once

#include "base/err.h"

#define TAP_NAME "tap0"

/* Makes the device in our own network namespace (where /dev/net/tun is opened decides), still down.
 * It goes with the descriptor.  ERR_UNAVAILABLE: this user may not, or the host has no TAPs. */
int tap_open(int *ret_fd, struct err *err);
