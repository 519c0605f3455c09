// SPDX-License-Identifier: MIT
/*
 * Connections into the guest that another process asks for: FORWARD of wire/control.h.
 *
 * Happy path: each LISTEN adds a listener to the connection's group of sandbox/ports.h; what could
 * not be connected is told as NOTE.
 * Failure modes: a descriptor that is no listener is a breach, like any other message.  A client
 * that does not read its notes misses them.  Its end closes the group: connection_close().
 */
#include "sandbox/control_internal.h"

#include "base/log.h"
#include "sandbox/ports.h"

#include <unistd.h>

static void on_failed(void *ctx, const char *reason)
{
	const struct connection *connection = ctx;
	const struct control_packet note = {CONTROL_NOTE, {.failed = {1, (char *)reason}}};
	struct err err;

	if (control_send(connection->fd, &note, NULL, 0, &err) < 0)
		log_debug("control", "%s", err.msg);
}

int control_forward(struct connection *connection, struct err *err)
{
	(void)err;
	connection->forwards =
		port_group_open(connection_host(connection)->ports, on_failed, connection);
	return 0;
}

int control_forward_listen(struct connection *connection, int fd, uint16_t guest_port,
			   struct err *err)
{
	if (port_group_listen(connection->forwards, fd, guest_port, err) == 0)
		return 0;
	close(fd);
	return -1;
}
