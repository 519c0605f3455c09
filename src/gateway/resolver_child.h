// SPDX-License-Identifier: MIT
/*
 * The resolver process: `matchlock __resolver` with its socket as descriptor 3.  It asks the host's
 * name servers what its gateway wants to know (gateway/resolver_wire.h), so all that these say is
 * read by a process without secrets, in a jail of its own (gateway/resolver_jail.h).
 */
#pragma once

#include "base/err.h"

enum { RESOLVER_SOCKET_FD = 3 };

/* Serves until the gateway is gone, and then ends the process.  -1 when it cannot begin. */
int resolver_child_run(int sock, struct err *err);
