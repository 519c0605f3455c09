// SPDX-License-Identifier: MIT
/*
 * What a guest's network has done so far, in a file of the sandbox's directory that the gateway
 * maps: whoever wants to know reads it there and disturbs nobody.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COUNTERS_FILE "network.counters"

/* Each is written by one thread only and read whole. */
struct counters {
	uint64_t sent, received; /* bytes of content from and to the guest, DNS left out */
	uint64_t connections;	 /* that reached a server */
	uint64_t denied;	 /* decisions against the guest: DNS, connections, requests */
	uint64_t open;		 /* connections of the guest at the moment */
};

/* Those of the sandbox whose directory is `dir`; false when there are none. */
bool counters_read(const char *dir, struct counters *ret_counters);
