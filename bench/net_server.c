// SPDX-License-Identifier: MIT
/*
 * net_server: the server of bench/net.  Listens on the host's loopback, prints the port, and serves
 * (traffic.h) until it is killed.
 */
#include "traffic.h"

#include <signal.h>
#include <stdio.h>

int main(void)
{
	uint16_t port;
	int listener = traffic_listen("127.0.0.1", 0, &port);

	signal(SIGPIPE, SIG_IGN);
	printf("%u\n", port);
	fflush(stdout);
	traffic_serve(listener);
}
