// SPDX-License-Identifier: MIT
/*
 * `matchlock port-forward` (reference: cli-and-rpc.md 7.1).
 *
 * Happy path: listen at all ports, give the listeners to the sandbox's supervisor, which accepts
 * and connects; then only show what it tells, until a signal, which is exit status 0.
 * Failure modes: wrong words; no such sandbox, or it does not run; a port that is taken, and then
 * none is listened at; the sandbox ends.  Our own end, however it comes, closes the ports, since
 * the supervisor misses us; after a signal we wait for that, so that they are free afterwards.
 */
#include "cli/cmd_port_forward.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/forwarding.h"
#include "cli/sandboxes.h"
#include "sandbox/control_client.h"
#include "sandbox/listeners.h"
#include "wire/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLOSE_MS = 2000 };

const struct cli_option port_forward_flags[] = {
	{
		.name = "address",
		.metavar = "ip",
		.help = "addresses of this host at which is listened, instead of 127.0.0.1 (list, "
			"repeatable)",
		.type = &cli_list,
		.offset = offsetof(struct port_forward_options, address),
	},
	{0},
};

void port_forward_options_done(void *options)
{
	strv_free(((struct port_forward_options *)options)->address);
}

/* Reads and shows what the supervisor says: 1, or 0 at its end, -1 when it refuses. */
static int hear(int sock, struct err *err)
{
	int fds[CONTROL_FDS_MAX];
	struct control_packet packet;
	size_t fd_count = 0;
	int got = control_receive(sock, &packet, fds, &fd_count, err);

	/* One that closed before it read all that we sent: its last word follows. */
	if (got < 0 && (err->sys == ECONNRESET || err->sys == EINTR))
		return 1;
	if (got <= 0)
		return got;
	while (fd_count > 0)
		close(fds[--fd_count]);
	if (packet.type == CONTROL_NOTE)
		fprintf(stderr, FORWARDING_ERROR "\n", packet.failed.text);
	else if (packet.type == CONTROL_FAILED)
		got = err_set(err, ERR_INVALID, "%s", packet.failed.text);
	else
		got = err_set(err, ERR_PROTOCOL, "unexpected control message %u", packet.type);
	control_packet_done(&packet);
	return got;
}

/* The supervisor has closed its listeners when it closes the connection. */
static void await_close(int sock)
{
	struct pollfd answer = {.fd = sock, .events = POLLIN};
	struct err ignored;

	shutdown(sock, SHUT_WR);
	while (poll(&answer, 1, CLOSE_MS) > 0 && hear(sock, &ignored) > 0)
		;
}

static int serve(int sock, int signals, struct err *err)
{
	struct pollfd events[] = {
		{.fd = sock, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};
	int heard = 1;

	while (heard > 0) {
		if (poll(events, ARRAY_SIZE(events), -1) < 0)
			return err_sys(err, errno, "wait for the sandbox");
		if (events[1].revents) {
			await_close(sock);
			return 0;
		}
		heard = hear(sock, err);
	}
	return heard < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, "the sandbox has ended");
}

/* SIGINT, SIGTERM and SIGHUP as a descriptor. */
static int catch_signals(int *ret_fd, struct err *err)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	*ret_fd = signalfd(-1, &ending, SFD_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, errno, "signalfd") : 0;
}

static int forward(int sock, struct port_mapping *mappings, size_t count, struct err *err)
{
	AUTO_FD int signals = -1;
	int *listeners, status;

	if (catch_signals(&signals, err) < 0 ||
	    listeners_open(mappings, count, &listeners, err) < 0)
		return -1;
	status = control_request_forward(sock, listeners, mappings, count, err);
	listeners_close(listeners, count); /* they are the supervisor's now */
	/* One that has refused us already has said why: its answer is read. */
	if (status < 0 && err->sys != EPIPE)
		return -1;
	forwarding_print(mappings, count);
	return serve(sock, signals, err);
}

int cmd_port_forward(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct port_forward_options *options = cli->options;
	AUTO_FREE struct port_mapping *mappings = NULL;
	AUTO_FREE char *dir = NULL;
	AUTO_FD int sock = -1;
	size_t count;

	if (port_mappings_parse(argv + 1, options->address, &mappings, &count, err) < 0 ||
	    sandboxes_connect(argv[0], &dir, &sock, err) < 0)
		return -1;
	return forward(sock, mappings, count, err);
}
