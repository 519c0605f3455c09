// SPDX-License-Identifier: MIT
/*
 * Makes the sealed network of a VM: see net.h.
 *
 * A child enters a user and a network namespace of its own, builds everything there in the order
 * of `build`, sends three descriptors through a socket and ends; the parent receives them when the
 * child has reported success.  A failure on the way is the child's result: its descriptors close
 * with it, and nothing is left.
 *
 * The TAP is the key to its namespace for a process of the same user in the *same* user namespace
 * (SIOCGSKNS, then setns).  QEMU is in one of its own, where the kernel refuses that.
 */
#include "net/net.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "net/listen.h"
#include "net/route.h"
#include "net/ruleset.h"
#include "net/settings.h"
#include "net/tap.h"

#include <assert.h>
#include <sched.h>
#include <stdbool.h>

enum { NET_DEADLINE_MS = 30000 }; /* 2 ms are usual; the kernel's clean-up of others can delay it */

enum { TAP, TCP, UDP, NET_FDS };

struct request {
	unsigned mtu;
	int socket; /* where the descriptors go */
};

struct result {
	bool failed;
	struct err err;
};

static int build(const struct request *request, struct err *err)
{
	AUTO_FD int tap = -1, tcp = -1, udp = -1;

	if (proc_unshare(CLONE_NEWNET, err) < 0 || settings_seal(err) < 0)
		return -1;
	if (tap_open(&tap, err) < 0 || route_set_up(request->mtu, err) < 0)
		return -1;
	if (ruleset_load(err) < 0)
		return -1;
	if (listen_tcp(&tcp, err) < 0 || listen_dns(&udp, err) < 0)
		return -1;
	return fd_send(request->socket, "", 1, (int[]){[TAP] = tap, [TCP] = tcp, [UDP] = udp},
		       NET_FDS, err);
}

static void build_in_child(void *arg, void *ret_result)
{
	struct result *result = ret_result;

	result->failed = build(arg, &result->err) < 0;
}

static int receive(int socket, struct net *ret_net, struct err *err)
{
	int fds[NET_FDS];
	size_t count;
	char byte;

	if (fd_recv(socket, &byte, 1, fds, NET_FDS, &count, err) < 0)
		return -1;
	assert(count == NET_FDS); /* from our own code, which has reported success */
	*ret_net = (struct net){.tap_fd = fds[TAP], .tcp_fd = fds[TCP], .udp_fd = fds[UDP]};
	return 0;
}

int net_open(unsigned mtu, struct net *ret_net, struct err *err)
{
	struct request request = {.mtu = mtu};
	struct result result;
	AUTO_FD int ours = -1, theirs = -1;
	int pair[2];

	if (mtu < NET_MTU_MIN || mtu > NET_MTU_MAX)
		return err_set(err, ERR_INVALID, "network: the MTU must be %d to %d, not %u",
			       NET_MTU_MIN, NET_MTU_MAX, mtu);
	if (fd_socketpair(pair, err) < 0)
		return err_wrap(err, "network");
	ours = pair[0];
	request.socket = theirs = pair[1];
	if (proc_call(build_in_child, &request, NET_DEADLINE_MS, &result, sizeof(result), err) < 0)
		return err_wrap(err, "network");
	if (result.failed) {
		*err = result.err;
		return err_wrap(err, "network");
	}
	if (receive(ours, ret_net, err) < 0)
		return err_wrap(err, "network");
	return 0;
}

void net_close(struct net *net)
{
	int fds[] = {net->tap_fd, net->tcp_fd, net->udp_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	*net = (struct net)NET_INIT;
}
