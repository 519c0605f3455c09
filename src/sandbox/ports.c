// SPDX-License-Identifier: MIT
/*
 * Listeners and their connections: see ports.h.
 *
 * Happy path: accept, a CONNECT stream, a socket relay (wire/socket_relay.h), which tells when it
 * has ended.
 * Failure modes: nobody listens in the guest: the owner of the group is told, the client is reset.
 * With LIMIT_FORWARDED connections, or when descriptors run out, nothing is accepted until one has
 * ended; clients wait in the listeners' queues.  When the sandbox ends its streams do, and with
 * them the connections.
 * Close: descriptors go at once, memory when libuv has let go of the listeners' handles, which are
 * counted.
 */
#include "sandbox/ports.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "sandbox/sandbox.h"
#include "wire/agent.h"
#include "wire/socket_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The credit of a stream, by how many there are: few shall be quick, and a thousand whose readers
 * sleep shall not fill the guest's memory, nor ours: 86 MiB at most, each way. */
static const struct {
	size_t below;
	uint32_t credit;
} credits[] = {
	{16, 1024 * 1024},
	{64, 256 * 1024},
	{SIZE_MAX, 64 * 1024},
};

struct listener {
	struct listener *next;
	struct port_group *group;
	struct ports *ports;
	uv_poll_t poll;
	int fd;
	uint16_t guest_port;
};

struct connection {
	struct connection *next, **link; /* what points to it */
	struct port_group *group;
	struct socket_relay *relay;
};

struct port_group {
	struct port_group *next;
	struct ports *ports;
	struct listener *listeners;
	size_t listener_count;
	struct connection *connections;
	ports_failed_fn *failed;
	void *ctx;
};

struct ports {
	uv_loop_t *loop;
	struct sandbox *sandbox;
	struct port_group *groups;
	size_t connection_count;
	bool paused;	  /* nothing is accepted */
	bool closing;	  /* to be freed with the last handle */
	unsigned handles; /* that libuv holds */
};

/* --- accepting, or not --- */

static void on_listener_readable(uv_poll_t *poll, int status, int events);

static void pause_listeners(struct ports *ports)
{
	ports->paused = true;
	for (struct port_group *group = ports->groups; group; group = group->next) {
		for (struct listener *at = group->listeners; at; at = at->next)
			uv_poll_stop(&at->poll);
	}
}

static void resume_listeners(struct ports *ports)
{
	ports->paused = false;
	for (struct port_group *group = ports->groups; group; group = group->next) {
		for (struct listener *at = group->listeners; at; at = at->next)
			uv_poll_start(&at->poll, UV_READABLE, on_listener_readable);
	}
}

/* --- connections --- */

static void connection_free(struct connection *connection)
{
	struct ports *ports = connection->group->ports;

	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	free(connection);
	ports->connection_count--;
	if (ports->paused)
		resume_listeners(ports);
}

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	const struct port_group *group = ((struct connection *)ctx)->group;
	struct agent_failed failed = {0};
	struct err err;

	if (type != AGENT_FAILED || agent_failed_unpack(payload, &failed, &err) < 0)
		return; /* then the guest closes the stream, or it is not to be helped */
	group->failed(group->ctx, failed.text);
	agent_failed_done(&failed);
}

static void on_ended(void *ctx)
{
	connection_free(ctx);
}

static const struct socket_relay_ops relay_ops = {.message = on_message, .ended = on_ended};

static uint32_t credit_of(size_t connection_count)
{
	size_t i = 0;

	while (connection_count >= credits[i].below)
		i++;
	return credits[i].credit;
}

static int connect_guest(struct connection *connection, int fd, uint16_t guest_port,
			 struct err *err)
{
	const struct ports *ports = connection->group->ports;
	const struct socket_relay_end end = {
		.loop = ports->loop,
		.fd = fd,
		.credit = credit_of(ports->connection_count - 1),
		.ops = &relay_ops,
		.ctx = connection,
	};
	AUTO_BUF struct buf request = BUF_INIT(64);
	struct mux *mux = sandbox_mux(ports->sandbox);

	if (!mux)
		return err_set(err, ERR_UNAVAILABLE, "the sandbox has ended");
	agent_connect_pack(&request, &(struct agent_connect){guest_port, end.credit});
	return socket_relay_open(&end, mux, AGENT_CONNECT, (struct view){request.ptr, request.len},
				 &connection->relay, err);
}

static void connection_open(struct port_group *group, int fd, uint16_t guest_port)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	struct err err;

	connection->group = group;
	connection->link = &group->connections;
	connection->next = group->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	group->connections = connection;
	group->ports->connection_count++;
	if (connect_guest(connection, fd, guest_port, &err) == 0)
		return;
	close(fd);
	connection_free(connection);
	group->failed(group->ctx, err.msg);
}

static void on_listener_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct ports *ports = listener->ports;
	int fd;

	(void)status;
	(void)events;
	if (ports->connection_count >= LIMIT_FORWARDED) {
		pause_listeners(ports);
		return;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		connection_open(listener->group, fd, listener->guest_port);
	else if ((errno == EMFILE || errno == ENFILE) && ports->connection_count > 0)
		pause_listeners(ports);
}

/* --- groups --- */

struct port_group *port_group_open(struct ports *ports, ports_failed_fn *failed, void *ctx)
{
	struct port_group *group = xcalloc(1, sizeof(*group));

	group->ports = ports;
	group->failed = failed;
	group->ctx = ctx;
	group->next = ports->groups;
	ports->groups = group;
	return group;
}

static int socket_option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static int check_listener(const struct port_group *group, int fd, struct err *err)
{
	if (socket_option(fd, SO_PROTOCOL) != IPPROTO_TCP || socket_option(fd, SO_ACCEPTCONN) != 1)
		return err_set(err, ERR_INVALID, "not a listening TCP socket");
	if (group->listener_count >= LIMIT_LISTENERS)
		return err_set(err, ERR_LIMIT, "more than %d listeners", LIMIT_LISTENERS);
	return fd_set_nonblock(fd, true, err);
}

int port_group_listen(struct port_group *group, int fd, uint16_t guest_port, struct err *err)
{
	struct listener *listener;
	int status;

	if (check_listener(group, fd, err) < 0)
		return -1;
	listener = xcalloc(1, sizeof(*listener));
	status = uv_poll_init(group->ports->loop, &listener->poll, fd);
	if (status < 0) {
		free(listener);
		return err_set(err, ERR_IO, "watch a listener: %s", uv_strerror(status));
	}
	listener->poll.data = listener;
	listener->group = group;
	listener->ports = group->ports;
	listener->fd = fd;
	listener->guest_port = guest_port;
	listener->next = group->listeners;
	group->listeners = listener;
	group->listener_count++;
	group->ports->handles++;
	if (!group->ports->paused)
		uv_poll_start(&listener->poll, UV_READABLE, on_listener_readable);
	return 0;
}

static void ports_check_end(struct ports *ports)
{
	if (ports->closing && ports->handles == 0)
		free(ports);
}

static void on_listener_gone(uv_handle_t *handle)
{
	struct listener *listener = handle->data;
	struct ports *ports = listener->ports;

	free(listener);
	ports->handles--;
	ports_check_end(ports);
}

void port_group_close(struct port_group *group)
{
	struct port_group **at;

	if (!group)
		return;
	at = &group->ports->groups;
	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	while (group->listeners) {
		struct listener *listener = group->listeners;

		group->listeners = listener->next;
		uv_close((uv_handle_t *)&listener->poll, on_listener_gone);
		close(listener->fd);
	}
	while (group->connections) {
		socket_relay_reset(group->connections->relay);
		connection_free(group->connections);
	}
	free(group);
}

/* --- all of a sandbox --- */

struct ports *ports_new(uv_loop_t *loop, struct sandbox *sandbox)
{
	struct ports *ports = xcalloc(1, sizeof(*ports));

	ports->loop = loop;
	ports->sandbox = sandbox;
	return ports;
}

void ports_close(struct ports *ports)
{
	if (!ports)
		return;
	while (ports->groups)
		port_group_close(ports->groups);
	ports->closing = true;
	ports_check_end(ports);
}
