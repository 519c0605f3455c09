// SPDX-License-Identifier: MIT
/*
 * One entry of an allow-list, as `--allow-host`, `allow-list add` and policy files take it:
 *
 *	entry   := target [":" port]
 *	target  := "*" | pattern | address | range
 *	pattern := a host name; a leading "*." is one or more labels, any other `*` any run of
 *		   characters (also none) within one label
 *	address := an IPv4 address, or an IPv6 address (in brackets when a port follows)
 *	range   := ADDRESS "/" BITS (IPv6 in brackets when a port follows: "[2001:db8::/32]:443")
 *
 * What an entry allows, and what it needs a port for, says policy/policy.h.
 */
#pragma once

#include "api/host_name.h"
#include "base/ip.h"

#include <stdint.h>

struct host_entry {
	char name[HOST_NAME_SIZE]; /* "*", a pattern in the form of host_name.h; "" = `net` */
	struct ip_net net;
	uint16_t port; /* 0 = none written */
};

enum { HOST_ENTRY_TEXT = HOST_NAME_SIZE + 6 };

/* ERR_INVALID "invalid allow-list host TEXT: reason". */
int host_entry_parse(const char *text, struct host_entry *ret_entry, struct err *err);

/* The one way in which an entry is written: two that mean the same are the same text. */
void host_entry_format(const struct host_entry *entry, char ret_text[HOST_ENTRY_TEXT]);

/* "1" to "65535", in digits without a leading 0. */
bool host_port_parse(const char *text, uint16_t *ret_port);

/* Cuts "HOST", "HOST:PORT", "[IPv6]:PORT" (and ranges likewise) in two: *ret_host is malloc'ed,
 * without brackets, *ret_port 0 when there is none.  An IPv6 address without brackets has no port.
 * ERR_INVALID with the reason alone. */
int host_port_split(const char *text, char **ret_host, uint16_t *ret_port, struct err *err);
