// SPDX-License-Identifier: MIT
/* The gateway process: `matchlock __gateway` with its socket (gateway/orders.h) as descriptor 3. */
#pragma once

#include "base/err.h"

enum { GATEWAY_SOCKET_FD = 3 };

/* Serves until the supervisor is gone: 0.  -1 when it cannot begin, or what it is told makes no
 * sense; the supervisor has been told then. */
int gateway_run(int sock, struct err *err);
