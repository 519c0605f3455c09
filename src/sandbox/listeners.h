// SPDX-License-Identifier: MIT
/* The sockets of this host that port mappings listen at. */
#pragma once

#include "api/port_mapping.h"
#include "base/err.h"

#include <stddef.h>

/* Listens at all of them, or at none.  Where host_port is 0 it becomes the port that was chosen.
 * *ret_fds, one for each, close-on-exec and non-blocking, are the caller's: listeners_close().
 * ERR_INVALID for a duplicate, ERR_CONFLICT where somebody listens already. */
int listeners_open(struct port_mapping *mappings, size_t count, int **ret_fds, struct err *err);

/* NULL is allowed, and -1 for one that was given away. */
void listeners_close(int *fds, size_t count);
