// SPDX-License-Identifier: MIT
/* The virtio-serial port that carries the control channel. */
#pragma once

#include "base/err.h"

/* Waits until the port called `name` is there and the host has its end open.  The descriptor is
 * non-blocking and the caller's.  ERR_TIMEOUT after `timeout_ms`. */
int port_open(const char *name, unsigned timeout_ms, int *ret_fd, struct err *err);

/* Waits until the host has taken room for at least one more write, at most `timeout_ms`. */
void port_wait_writable(int fd, int timeout_ms);
