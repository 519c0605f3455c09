// SPDX-License-Identifier: MIT
/*
 * Ports of the host that lead into a sandbox: what connects to one of its listeners is connected to
 * a port of the guest's 127.0.0.1, by a stream of the channel.  It needs no network of the guest.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>
#include <uv.h>

struct ports;
struct port_group; /* the listeners of one who asked for them, and their connections */
struct sandbox;

/* `sandbox` is borrowed, and must be ready before the first group listens. */
struct ports *ports_new(uv_loop_t *loop, struct sandbox *sandbox);

/* Closes all groups; frees itself when libuv has let go.  To be called before the sandbox is
 * closed.  NULL is allowed. */
void ports_close(struct ports *ports);

/* A connection was not possible, for this reason. */
typedef void ports_failed_fn(void *ctx, const char *reason);

struct port_group *port_group_open(struct ports *ports, ports_failed_fn *failed, void *ctx);

/* Takes the listening socket over on success.  ERR_INVALID when it is none of TCP. */
int port_group_listen(struct port_group *group, int fd, uint16_t guest_port, struct err *err);

/* Stops listening and resets the connections; nothing is told any more.  NULL is allowed. */
void port_group_close(struct port_group *group);
