// SPDX-License-Identifier: MIT
/* The addresses of this host: what no guest may reach unless a user opens it by name and port. */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stddef.h>

/* All addresses of all interfaces as they are now; malloc'ed, the caller's.  More than
 * LIMIT_HOST_ADDRESSES are ERR_LIMIT: none of them may be forgotten. */
int ip_host_list(struct ip **ret_ips, size_t *ret_count, struct err *err);
