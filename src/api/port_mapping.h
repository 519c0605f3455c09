// SPDX-License-Identifier: MIT
/* Ports of this host that lead to ports of a sandbox (reference: cli-and-rpc.md 3.8). */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stddef.h>
#include <stdint.h>

struct port_mapping {
	struct ip address;  /* of this host, on which is listened */
	uint16_t host_port; /* 0: any that is free */
	uint16_t guest_port;
};

enum { PORT_MAPPING_TEXT = IP_TEXT + 8 };

/* Reads the NULL-ended `specs`, "[ADDRESS:][LOCAL:]REMOTE" each: without LOCAL it is REMOTE, with 0
 * or "ADDRESS::REMOTE" any that is free.  One without ADDRESS is for each of `addresses` (IP
 * literals or "localhost"), or without these for 127.0.0.1.  *ret_mappings is malloc'ed, the
 * caller's. */
int port_mappings_parse(char *const *specs, char *const *addresses,
			struct port_mapping **ret_mappings, size_t *ret_count, struct err *err);

/* "127.0.0.1:8080" or "[::1]:8080". */
void port_mapping_format_local(const struct port_mapping *mapping,
			       char ret_text[PORT_MAPPING_TEXT]);
