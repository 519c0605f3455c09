// SPDX-License-Identifier: MIT
/*
 * Connections to the guest's own 127.0.0.1: see connect.h.  The container has no network of its
 * own, so what listens in it is found here.
 *
 * Happy path: a socket that connects without waiting, tied to the stream by wire/socket_relay.h.
 * Failure modes: nobody listens, or no descriptor is left: FAILED with the reason.  A server that
 * does not accept keeps the stream waiting until the host gives it up.
 */
#include "guest/connect.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "guest/session.h"
#include "wire/agent.h"
#include "wire/socket_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void refuse(struct mux_stream *stream, uint16_t port, int errnum)
{
	AUTO_FREE char *text = xasprintf("connect 127.0.0.1:%u failed: %s", port, strerror(errnum));

	session_refuse(stream, 1, text);
}

static void on_unconnected(void *ctx, struct mux_stream *stream, int errnum)
{
	refuse(stream, ((struct agent_connect *)ctx)->port, errnum);
}

static const struct socket_relay_ops relay_ops = {
	.unconnected = on_unconnected,
	.ended = free,
};

/* 0, or -1 with errno; EINPROGRESS comes with a descriptor. */
static int connect_to(uint16_t port, int *ret_fd)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return *ret_fd < 0 ? -1 : connect(*ret_fd, (const struct sockaddr *)&at, sizeof(at));
}

void connect_open(uv_loop_t *loop, struct mux_stream *stream, struct view request)
{
	struct socket_relay_end end = {.loop = loop, .ops = &relay_ops};
	AUTO_FREE struct agent_connect *wanted = xcalloc(1, sizeof(*wanted));
	AUTO_FD int fd = -1;
	struct err err;

	if (agent_connect_unpack(request, wanted, &err) < 0) {
		session_refuse(stream, 1, err.msg);
		return;
	}
	end.connecting = connect_to(wanted->port, &fd) < 0;
	if (end.connecting && errno != EINPROGRESS) {
		refuse(stream, wanted->port, errno);
		return;
	}
	end.fd = fd;
	end.credit = wanted->credit;
	end.ctx = wanted;
	if (socket_relay_accept(&end, stream, &err) < 0) {
		session_refuse(stream, 1, err.msg);
		return;
	}
	(void)STEAL(wanted);
	(void)STEAL_FD(fd);
}
