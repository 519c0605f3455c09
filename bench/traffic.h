// SPDX-License-Identifier: MIT
/*
 * The two ends of the network's benchmarks: a client that does one task over TCP, and the server
 * that knows from the first bytes of a connection what is wanted.  On libc alone, since the client
 * runs in guests, too.  Whatever fails ends the process with a word on why.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum traffic_kind {
	TRAFFIC_DOWN = 'd',
	TRAFFIC_UP = 'u',
	TRAFFIC_PINGS = 'p',	/* round trips of 64 bytes */
	TRAFFIC_CONNECTS = 'c', /* connections one after the other, closed by the server */
	TRAFFIC_IDLE = 'i',	/* connections that stay open, and silent, until the process ends */
};

enum { TRAFFIC_CONNS_MAX = 4 };

struct traffic_task {
	enum traffic_kind kind;
	unsigned conns; /* that do the same at once; of idle ones: 1 */
	uint64_t count; /* of each: bytes, pings, connections */
	struct sockaddr_in to;
};

/* Ends the process when something is not as it must be, with what errno says. */
void traffic_must(bool good, const char *what);

/* A socket that listens there; `port` 0 takes any, which *ret_port tells. */
int traffic_listen(const char *address, uint16_t port, uint16_t *ret_port);

/* Serves whoever connects, for ever. */
_Noreturn void traffic_serve(int listener);

/* Does a task; the seconds that it took. */
double traffic_do(struct traffic_task *task);
