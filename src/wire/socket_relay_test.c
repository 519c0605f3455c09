// SPDX-License-Identifier: MIT
/*
 * Both ends on one loop: a client's TCP connection, the host's relay, a channel, the guest's relay,
 * a server's TCP connection.  Client and server are played by the test, without blocking.
 */
#include "wire/socket_relay.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/tap.h"
#include "wire/channel.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BULK = 4 * 1024 * 1024, PIECE = 65536, TURNS = 200000, CREDIT = 100000 };

struct world {
	uv_loop_t loop;
	struct channel *host, *guest;
	struct socket_relay *relay; /* the host's */
	int client, server;	    /* what the test has of each connection */
	int guest_fd;		    /* for the stream that is opened next */
	bool connecting;
	unsigned ended[2]; /* of host and guest */
	int errnum;
	char message[64];
};

/* --- the owners --- */

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct world *world = ctx;

	snprintf(world->message, sizeof(world->message), "%u:%.*s", type, (int)payload.len,
		 payload.ptr);
}

static void on_host_ended(void *ctx)
{
	((struct world *)ctx)->ended[0]++;
}

static void on_guest_ended(void *ctx)
{
	((struct world *)ctx)->ended[1]++;
}

static void on_unconnected(void *ctx, struct mux_stream *stream, int errnum)
{
	((struct world *)ctx)->errnum = errnum;
	mux_message(stream, 7, VIEW_LIT("no"));
	mux_close(stream);
}

static const struct socket_relay_ops host_relay_ops = {.message = on_message,
						       .ended = on_host_ended};
static const struct socket_relay_ops guest_relay_ops = {.unconnected = on_unconnected,
							.ended = on_guest_ended};

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct world *world = ctx;
	struct err err;

	CHECK(kind == 5 && view_equals(request, "80"));
	CHECK(socket_relay_accept(
		      &(struct socket_relay_end){&world->loop, STEAL_FD(world->guest_fd), CREDIT,
						 world->connecting, &guest_relay_ops, world},
		      stream, &err) == 0);
}

static void on_broken(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

/* --- the world --- */

/* Two ends of a TCP connection, without blocking. */
static void tcp_pair(int ret_pair[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err err;

	CHECK(bind(listener, (struct sockaddr *)&at, size) == 0 && listen(listener, 1) == 0);
	getsockname(listener, (struct sockaddr *)&at, &size);
	ret_pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(ret_pair[0], (struct sockaddr *)&at, size) == 0);
	CHECK(fd_set_nonblock(ret_pair[0], true, &err) == 0);
	ret_pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(listener);
}

static void world_open(struct world *world)
{
	static const struct channel_ops host_ops = {.broken = on_broken};
	static const struct channel_ops guest_ops = {.opened = on_opened, .broken = on_broken};
	struct err err;
	int pair[2];

	*world = (struct world){.client = -1, .server = -1, .guest_fd = -1};
	uv_loop_init(&world->loop);
	CHECK(fd_socketpair(pair, &err) == 0);
	CHECK(fd_set_nonblock(pair[0], true, &err) == 0 &&
	      fd_set_nonblock(pair[1], true, &err) == 0);
	CHECK(channel_open(&world->loop, pair[0], MUX_HOST, &host_ops, world, &world->host, &err) ==
	      0);
	CHECK(channel_open(&world->loop, pair[1], MUX_GUEST, &guest_ops, world, &world->guest,
			   &err) == 0);
}

/* A connection from world->client to world->server, or to `guest_fd` if that is given. */
static void connect_through(struct world *world, int guest_fd)
{
	int client[2], server[2];
	struct err err;

	tcp_pair(client);
	world->client = client[0];
	world->guest_fd = guest_fd;
	if (guest_fd < 0) {
		tcp_pair(server);
		world->server = server[0];
		world->guest_fd = server[1];
	}
	CHECK(socket_relay_open(&(struct socket_relay_end){&world->loop, client[1], CREDIT, false,
							   &host_relay_ops, world},
				channel_mux(world->host), 5, VIEW_LIT("80"), &world->relay,
				&err) == 0);
}

static void turn(struct world *world)
{
	uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* Until both relays have ended. */
static bool both_end(struct world *world)
{
	for (int i = 0; i < TURNS && (!world->ended[0] || !world->ended[1]); i++)
		turn(world);
	return world->ended[0] == 1 && world->ended[1] == 1;
}

static void world_close(struct world *world)
{
	auto_close_(&world->client);
	auto_close_(&world->server);
	channel_close(world->host, NULL, NULL);
	channel_close(world->guest, NULL, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&world->loop) == 0);
}

/* --- what client and server do --- */

static char byte_at(size_t offset)
{
	return (char)(offset * 2654435761u >> 13);
}

/* Sends BULK bytes from one to the other; the end follows.  Returns the bytes that came right. */
static size_t transfer(struct world *world, int from, int to)
{
	static char out[PIECE], in[PIECE];
	size_t sent = 0, got = 0;
	bool ended = false;

	for (int i = 0; i < TURNS && !ended; i++) {
		size_t piece = MIN(BULK - sent, sizeof(out));
		ssize_t n;

		for (size_t k = 0; k < piece; k++)
			out[k] = byte_at(sent + k);
		n = piece ? send(from, out, piece, MSG_NOSIGNAL) : 0;
		sent += (size_t)MAX(n, 0);
		if (piece && sent == BULK)
			shutdown(from, SHUT_WR);
		turn(world);
		n = recv(to, in, sizeof(in), 0);
		ended = n == 0;
		for (ssize_t k = 0; k < n; k++)
			got += in[k] == byte_at(got);
	}
	return ended ? got : 0;
}

/* What recv(2) has in the end: 0 or -errno. */
static int last_word(struct world *world, int fd)
{
	char bytes[PIECE];

	for (int i = 0; i < TURNS; i++) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return got == 0 ? 0 : -errno;
		turn(world);
	}
	return 1;
}

static void say(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void close_hard(int *fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(STEAL_FD(*fd));
}

/* --- the tests --- */

static void both_ways(void)
{
	struct world world;

	TEST("4 MiB to the server and its end, then 4 MiB back over the open half");
	world_open(&world);
	connect_through(&world, -1);
	CHECK(transfer(&world, world.client, world.server) == BULK);
	CHECK(world.ended[0] == 0 && world.ended[1] == 0);
	CHECK(transfer(&world, world.server, world.client) == BULK);
	CHECK(both_end(&world));
	world_close(&world);

	TEST("and the other way round");
	world_open(&world);
	connect_through(&world, -1);
	CHECK(transfer(&world, world.server, world.client) == BULK);
	CHECK(transfer(&world, world.client, world.server) == BULK);
	CHECK(both_end(&world));
	world_close(&world);
}

static void resets(void)
{
	struct world world;

	TEST("a client that resets resets the server's connection");
	world_open(&world);
	connect_through(&world, -1);
	say(world.client, "x");
	turn(&world);
	close_hard(&world.client);
	CHECK(last_word(&world, world.server) == -ECONNRESET);
	CHECK(both_end(&world));
	world_close(&world);

	TEST("a server that resets resets the client's");
	world_open(&world);
	connect_through(&world, -1);
	close_hard(&world.server);
	CHECK(last_word(&world, world.client) == -ECONNRESET);
	CHECK(both_end(&world));
	world_close(&world);

	TEST("so does the end of the channel, and the owner");
	world_open(&world);
	connect_through(&world, -1);
	turn(&world);
	socket_relay_reset(world.relay);
	CHECK(last_word(&world, world.client) == -ECONNRESET);
	CHECK(last_word(&world, world.server) == -ECONNRESET);
	CHECK(world.ended[0] == 0 && world.ended[1] == 1);
	auto_close_(&world.client);
	auto_close_(&world.server);
	connect_through(&world, -1);
	turn(&world);
	channel_close(STEAL(world.host), NULL, NULL);
	CHECK(last_word(&world, world.client) == -ECONNRESET);
	CHECK(world.ended[0] == 1);
	world_close(&world);
}

static void connecting(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(at);
	struct world world;
	int port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	TEST("a connection that is refused is told to the owner of each side and reset");
	world_open(&world);
	CHECK(bind(port, (struct sockaddr *)&at, size) == 0); /* and does not listen */
	getsockname(port, (struct sockaddr *)&at, &size);
	CHECK(connect(fd, (struct sockaddr *)&at, size) < 0);
	world.connecting = true;
	connect_through(&world, fd);
	say(world.client, "hello");
	CHECK(last_word(&world, world.client) == -ECONNRESET);
	CHECK(both_end(&world));
	CHECK(world.errnum == ECONNREFUSED);
	CHECK_STR(world.message, "7:no");
	close(port);
	world_close(&world);

	TEST("what is said while it connects arrives");
	world_open(&world);
	world.connecting = true;
	connect_through(&world, -1);
	CHECK(transfer(&world, world.client, world.server) == BULK);
	world_close(&world);
}

static void slow_reader(void)
{
	static char bytes[PIECE];
	struct world world;
	size_t sent = 0, got = 0;
	ssize_t n;

	TEST("a server that does not read holds the client up");
	world_open(&world);
	connect_through(&world, -1);
	for (int i = 0; i < 2000; i++) {
		n = send(world.client, bytes, sizeof(bytes), MSG_NOSIGNAL);
		sent += (size_t)MAX(n, 0);
		turn(&world);
	}
	CHECK(send(world.client, bytes, 1, MSG_NOSIGNAL) < 0 && errno == EAGAIN);

	TEST("and gets all of it, although its own side has ended long ago");
	shutdown(world.client, SHUT_WR);
	shutdown(world.server, SHUT_WR);
	for (int i = 0; i < TURNS; i++) {
		turn(&world);
		n = recv(world.server, bytes, sizeof(bytes), 0);
		got += (size_t)MAX(n, 0);
		if (n == 0)
			break;
	}
	CHECK(got == sent && both_end(&world));
	world_close(&world);
}

int main(void)
{
	both_ways();
	resets();
	connecting();
	slow_reader();
	return tap_done();
}
