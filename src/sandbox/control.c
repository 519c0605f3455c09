// SPDX-License-Identifier: MIT
/*
 * The control socket and its connections: see control.h.
 *
 * Happy path: accept, one request, which a function of the table `kinds` starts; its end answers
 * and closes.  Everything is on the owner's loop, and nothing here waits.
 * Failure modes: whoever breaks the rules is told and cut off.  A client that goes away has its
 * request cancelled.  When descriptors run out nobody is accepted until a connection ends.
 * Close: libuv's callbacks are counted; the last frees.
 */
#include "sandbox/control_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/control_client.h"
#include "sandbox/gc.h"
#include "sandbox/ports.h"
#include "sandbox/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct control {
	struct control_host host;
	int dir_fd, fd; /* the sandbox's directory, the listening socket */
	uv_poll_t poll;
	struct connection *connections;
	size_t count;
	bool paused, closing;
	unsigned handles; /* that libuv holds */
};

/* What may be asked for. */
static const struct {
	size_t fd_count;
	int (*start)(struct connection *connection, struct err *err);
} kinds[CONTROL_KINDS] = {
	[CONTROL_EXEC] = {4, control_exec},
	[CONTROL_FORWARD] = {0, control_forward},
	[CONTROL_ALLOW_LIST] = {1, control_allow_list},
};

const struct control_host *connection_host(const struct connection *connection)
{
	return &connection->control->host;
}

static void on_listen_readable(uv_poll_t *poll, int status, int events);

static void listen_on(struct control *control)
{
	control->paused = false;
	uv_poll_start(&control->poll, UV_READABLE, on_listen_readable);
}

static void control_free(struct control *control)
{
	auto_close_(&control->fd);
	auto_close_(&control->dir_fd);
	free(control);
}

static void handle_gone(struct control *control)
{
	if (--control->handles == 0)
		control_free(control);
}

/* --- one connection --- */

static void on_connection_gone(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	struct control *control = connection->control;

	free(connection);
	if (control->paused && !control->closing)
		listen_on(control);
	handle_gone(control);
}

static void unlink_connection(struct connection *connection)
{
	struct connection **at = &connection->control->connections;

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	connection->control->count--;
}

static void connection_close(struct connection *connection)
{
	if (connection->fd < 0)
		return;
	unlink_connection(connection);
	relay_close(STEAL(connection->relay)); /* lets go of the descriptors at once */
	port_group_close(STEAL(connection->forwards));
	uv_close((uv_handle_t *)&connection->poll, on_connection_gone);
	close(STEAL_FD(connection->fd));
	while (connection->fd_count > 0)
		close(connection->fds[--connection->fd_count]);
}

void connection_answer(struct connection *connection, const struct control_packet *packet, int fd)
{
	struct err err;

	if (control_send(connection->fd, packet, &fd, fd >= 0 ? 1 : 0, &err) < 0)
		log_debug("control", "%s", err.msg);
	connection_close(connection);
}

static void refuse(struct connection *connection, const struct err *why)
{
	const struct control_packet failed = {CONTROL_FAILED, {.failed = {1, (char *)why->msg}}};

	connection_answer(connection, &failed, -1);
}

static int start_request(struct connection *connection, enum control_kind kind, struct err *err)
{
	if (connection->fd_count != kinds[kind].fd_count)
		return err_set(err, ERR_PROTOCOL, "request %u has %zu descriptors", kind,
			       connection->fd_count);
	return kinds[kind].start(connection, err);
}

/* What may follow a request.  The descriptors are taken over. */
static int follow_up(struct connection *connection, const struct control_packet *packet,
		     const int *fds, size_t fd_count, struct err *err)
{
	if (connection->forwards && packet->type == CONTROL_LISTEN && fd_count == 1)
		return control_forward_listen(connection, fds[0], packet->guest_port, err);
	while (fd_count > 0)
		close(fds[--fd_count]);
	if (connection->relay && packet->type == CONTROL_SIGNAL)
		relay_signal(connection->relay, (int)packet->signal);
	else if (connection->relay && packet->type == CONTROL_RESIZE)
		relay_resize(connection->relay, &packet->size);
	else
		return err_set(err, ERR_PROTOCOL, "control message %u is out of place",
			       packet->type);
	return 0;
}

static int take_packet(struct connection *connection, struct control_packet *packet, const int *fds,
		       size_t fd_count, struct err *err)
{
	if (packet->type != CONTROL_REQUEST || connection->asked)
		return follow_up(connection, packet, fds, fd_count, err);
	for (size_t i = 0; i < fd_count; i++)
		connection->fds[i] = fds[i];
	connection->fd_count = fd_count;
	connection->asked = true;
	return start_request(connection, packet->kind, err);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct connection *connection = poll->data;
	struct control_packet packet;
	int fds[CONTROL_FDS_MAX];
	size_t fd_count = 0;
	struct err err;
	int got = control_receive(connection->fd, &packet, fds, &fd_count, &err);

	(void)status;
	(void)events;
	if (got < 0 && (err.sys == EAGAIN || err.sys == EINTR))
		return;
	if (got == 0) {
		connection_close(connection);
		return;
	}
	if (got > 0) {
		got = take_packet(connection, &packet, fds, fd_count, &err);
		control_packet_done(&packet);
	}
	if (got < 0)
		refuse(connection, &err);
}

/* --- the socket --- */

static int check_peer(int fd, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_sys(err, errno, "SO_PEERCRED");
	if (peer.uid != geteuid())
		return err_set(err, ERR_DENIED, "the sandbox belongs to another user");
	return 0;
}

static struct connection *connection_new(struct control *control, int fd)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));

	connection->control = control;
	connection->fd = fd;
	if (uv_poll_init(control->host.loop, &connection->poll, fd) < 0) {
		close(fd);
		free(connection);
		return NULL;
	}
	connection->poll.data = connection;
	connection->next = control->connections;
	control->connections = connection;
	control->count++;
	control->handles++;
	return connection;
}

static void on_listen_readable(uv_poll_t *poll, int status, int events)
{
	struct control *control = poll->data;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;
	struct err err;

	(void)status;
	(void)events;
	if (fd < 0) {
		control->paused = control->count > 0 && (errno == EMFILE || errno == ENFILE);
		if (control->paused)
			uv_poll_stop(poll);
		return;
	}
	connection = connection_new(control, fd);
	if (!connection)
		return;
	if (control->count > LIMIT_CONTROL_CLIENTS) {
		err_set_(&err, ERR_LIMIT,
			 "%d other commands are connected to the sandbox, no more are allowed",
			 LIMIT_CONTROL_CLIENTS);
		refuse(connection, &err);
	} else if (check_peer(fd, &err) < 0) {
		refuse(connection, &err);
	} else {
		uv_poll_start(&connection->poll, UV_READABLE, on_readable);
	}
}

static int listen_socket(struct control *control, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	struct sockaddr_un address;
	int status;

	if (gc_directory(control->host.state_home, sandbox_id(control->host.sandbox), &dir, err) <
	    0)
		return -1;
	control->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	control->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->dir_fd < 0 || control->fd < 0)
		return err_sys(err, errno, "open '%s'", dir);
	control_address(control->dir_fd, &address);
	if (bind(control->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(control->fd, LIMIT_CONTROL_CLIENTS) < 0)
		return err_sys(err, errno, "listen at '%s/" CONTROL_SOCKET "'", dir);
	status = uv_poll_init(control->host.loop, &control->poll, control->fd);
	if (status < 0)
		return err_set(err, ERR_IO, "watch '%s/" CONTROL_SOCKET "': %s", dir,
			       uv_strerror(status));
	control->poll.data = control;
	control->handles++;
	return 0;
}

int control_open(const struct control_host *host, struct control **ret_control, struct err *err)
{
	struct control *control = xcalloc(1, sizeof(*control));

	control->host = *host;
	control->dir_fd = control->fd = -1;
	if (listen_socket(control, err) < 0) {
		control_free(control);
		return -1;
	}
	*ret_control = control;
	return 0;
}

void control_serve(struct control *control)
{
	listen_on(control);
}

static void on_listen_gone(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

void control_close(struct control *control)
{
	if (!control)
		return;
	control->closing = true;
	while (control->connections)
		connection_close(control->connections);
	uv_close((uv_handle_t *)&control->poll, on_listen_gone);
	unlinkat(control->dir_fd, CONTROL_SOCKET, 0);
	close(STEAL_FD(control->fd)); /* those who wait for an answer learn it */
}
