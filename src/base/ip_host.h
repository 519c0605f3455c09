// SPDX-License-Identifier: MIT
/* The addresses of this host: what no guest may reach unless a user opens it by name and port. */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stddef.h>

/* All addresses of all interfaces as they are now; malloc'ed, the caller's.  More than
 * LIMIT_HOST_ADDRESSES are ERR_LIMIT: none of them may be forgotten. */
int ip_host_list(struct ip **ret_ips, size_t *ret_count, struct err *err);

/* A descriptor that becomes readable when an address has come or gone, which IPv6 ones do every
 * day, until ip_host_seen() is told. */
int ip_host_watch(int *ret_fd, struct err *err);
void ip_host_seen(int fd);
