// SPDX-License-Identifier: MIT
/*
 * Requests to the kernel's network configuration: messages are put together in a batch and run in
 * order; libmnl's mnl_attr_put*() fill them.  No allocation: for a child of a process that may have
 * threads.
 */
#pragma once

#include "base/err.h"

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETLINK_MESSAGES = 32,
	NETLINK_MESSAGE_BYTES = 1024, /* of each at most */
	NETLINK_BYTES = 8192,	      /* of all */
};

/* Start from NETLINK_INIT. */
struct netlink_batch {
	unsigned count;
	const char *what[NETLINK_MESSAGES]; /* names each in an error; borrowed */
	struct nlmsghdr *last;		    /* NULL: none */
	_Alignas(8) char bytes[NETLINK_BYTES];
};

#define NETLINK_INIT                     \
	{                                \
		.count = 0, .last = NULL \
	}

/* Begins the next message.  Flags: NLM_F_REQUEST is added, NLM_F_ACK makes netlink_run() wait for
 * its result. */
struct nlmsghdr *netlink_add(struct netlink_batch *batch, int type, int flags, const char *what);

/* Sends all of it to `protocol` (NETLINK_...) and waits for the results.  The first failure is
 * "WHAT: reason", and ERR_UNAVAILABLE when this kernel does not have it. */
int netlink_run(int protocol, const struct netlink_batch *batch, struct err *err);
