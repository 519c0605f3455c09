// SPDX-License-Identifier: MIT
/* /dev/net/tun and /dev/kvm for members of a group, now and after the next boot. */
#pragma once

#include "setup/host.h"

/* The groups must exist.  A device that every user may open already stays as it is.  A host without
 * /dev/kvm is told about it, and is no error. */
int devices_open_up(const struct host *host, struct err *err);
