// SPDX-License-Identifier: MIT
/* The sockets that the guest's packets are diverted to. */
#pragma once

#include "base/err.h"

enum {
	LISTEN_TCP_PORT = 1, /* one that no service has */
	LISTEN_DNS_PORT = 53,
};

int listen_tcp(int *ret_fd, struct err *err);
int listen_dns(int *ret_fd, struct err *err);
