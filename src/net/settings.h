// SPDX-License-Identifier: MIT
/* The kernel's settings of a new network namespace. */
#pragma once

#include "base/err.h"

/* Sets those of our own network namespace.  A new one takes many from the host, where forwarding,
 * source routes or packets to 127.0.0.1 from outside may be allowed.  Before its devices are
 * made, which take them from "default". */
int settings_seal(struct err *err);
