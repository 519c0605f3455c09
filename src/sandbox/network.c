// SPDX-License-Identifier: MIT
/*
 * The network of one sandbox: see network.h.
 *
 * Happy path: namespace -> (VM) -> resolver process -> gateway process, which gets its orders and
 * the descriptors in one packet and answers DONE.
 * Failure modes: a process that cannot be started or ends, and orders that are refused, end the
 * sandbox: a guest whose gateway is gone reaches nothing.  Both processes end with their sockets,
 * and with us.
 */
#include "sandbox/network.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/ip_host.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sealed.h"
#include "base/strv.h"
#include "gateway/audit.h"
#include "gateway/counters.h"
#include "gateway/jail.h"
#include "gateway/orders.h"
#include "gateway/resolver_jail.h"
#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A gateway that takes longer for a policy hangs. */
enum { POLICY_TIMEOUT_MS = 5000, REAP_MS = 1000 };

struct network {
	struct net net;
	struct proc gateway, resolver;
	int sock;	      /* to the gateway */
	struct orders orders; /* what each of them says, without the proxy */
	int addresses_fd;     /* of base/ip_host.h */
	struct network_owner owner;
	uv_poll_t gateway_poll, resolver_poll; /* of the socket; of the process */
	uv_poll_t addresses_poll;
	unsigned handles; /* that libuv holds */
	bool answered, told;
};

int network_open(unsigned mtu, struct network **ret_network, struct err *err)
{
	struct network *network = xcalloc(1, sizeof(*network));

	network->net = (struct net)NET_INIT;
	network->gateway = network->resolver = (struct proc)PROC_INIT;
	network->sock = network->addresses_fd = -1;
	if (net_open(mtu, &network->net, err) < 0) {
		free(network);
		return -1;
	}
	*ret_network = network;
	return 0;
}

int network_tap_fd(const struct network *network)
{
	return network->net.tap_fd;
}

/* --- the two processes --- */

void network_pids(const struct network *network, pid_t *ret_gateway, pid_t *ret_resolver)
{
	*ret_gateway = network->gateway.pid;
	*ret_resolver = network->resolver.pid;
}

static char **environment(void)
{
	const char *log = getenv("MATCHLOCK_LOG");
	char **env = NULL;

	if (log)
		strv_take(&env, xasprintf("MATCHLOCK_LOG=%s", log));
	return env;
}

/* A terminal can be read, and be made to do things, by whoever has taken over one of them. */
static int complaints_fd(void)
{
	return isatty(STDERR_FILENO) && !getenv("MATCHLOCK_LOG") ? -1 : STDERR_FILENO;
}

/* This very program as `role`, with one end of a new pair as its descriptor 3. */
static int start_role(struct proc_spec *spec, const char *program, const char *role,
		      struct proc *ret_proc, int *ret_sock, struct err *err)
{
	AUTO(auto_strv) char **env = environment();
	AUTO(auto_strv) char **args = NULL;
	AUTO_FD int ours = -1, theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "socket pair");
	ours = pair[0];
	theirs = pair[1];
	strv_add(&args, program);
	strv_add(&args, role);
	spec->argv = args;
	spec->env = env;
	spec->stderr_fd = complaints_fd();
	spec->fds = &theirs;
	spec->fd_count = 1;
	spec->new_session = true;
	if (proc_start(spec, ret_proc, err) < 0)
		return err_wrap(err, "%s", role + 2);
	*ret_sock = STEAL_FD(ours);
	return 0;
}

static int start_resolver(struct network *network, const char *program, int *ret_sock,
			  struct err *err)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct resolver_jail jail;

	resolver_jail_init(&jail, program);
	resolver_jail_use(&jail, &spec);
	return start_role(&spec, program, "__resolver", &network->resolver, ret_sock, err);
}

static int start_gateway(struct network *network, const char *program, struct err *err)
{
	const struct timeval limit = {.tv_sec = POLICY_TIMEOUT_MS / 1000};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct gateway_jail jail;

	gateway_jail_init(&jail, program);
	gateway_jail_use(&jail, &spec);
	if (start_role(&spec, program, "__gateway", &network->gateway, &network->sock, err) < 0)
		return -1;
	/* One that reads no orders does not hold us up for longer than one that answers none. */
	if (setsockopt(network->sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(err, errno, "gateway");
	return 0;
}

/* --- orders --- */

static int seal_orders(const struct orders *orders, int *ret_fd, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_ORDERS);
	int status;

	orders_pack(&text, orders);
	status = buf_check(&text, "network policy", err);
	if (status == 0)
		status = sealed_new("orders", (struct view){text.ptr, text.len}, ret_fd, err);
	explicit_bzero(text.ptr, text.len);
	return status;
}

static int list_host_ips(char ***ret_list, struct err *err)
{
	AUTO_FREE struct ip *ips = NULL;
	char text[IP_TEXT];
	size_t count;

	if (ip_host_list(&ips, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		ip_format(&ips[i], text);
		strv_add(ret_list, text);
	}
	return 0;
}

static int open_audit(const struct sandbox_spec *spec, const char *dir, int *ret_fd,
		      struct err *err)
{
	AUTO_FREE char *path = spec->audit_path && *spec->audit_path ? xstrdup(spec->audit_path)
								     : path_join(dir, AUDIT_FILE);

	*ret_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (*ret_fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	return 0;
}

static int open_counters(const char *dir, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, COUNTERS_FILE);
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return err_sys(err, errno, "make '%s'", path);
	/* Not a hole: the gateway writes it as memory, which a full disk would end. */
	rc = posix_fallocate(fd, 0, sizeof(struct counters));
	if (rc != 0)
		return err_sys(err, rc, "make '%s'", path);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

static void fill_orders(struct orders *orders, const struct sandbox_spec *spec, const char *id)
{
	orders->id = xstrdup(id);
	orders->policy = policy_spec_copy(&spec->policy);
	orders->add_hosts = strv_copy(spec->add_hosts);
	orders->no_proxy = xstrdup(spec->no_proxy ? spec->no_proxy : "");
}

static int send_orders(struct network *network, const struct sandbox_spec *spec, const char *dir,
		       int resolver_sock, struct err *err)
{
	AUTO_FD int text = -1, audit = -1, counters = -1;
	struct orders orders;
	int fds[ORDERS_FDS];

	if (open_audit(spec, dir, &audit, err) < 0 || open_counters(dir, &counters, err) < 0 ||
	    list_host_ips(&network->orders.host_ips, err) < 0)
		return -1;
	orders = network->orders; /* and what is borrowed for the moment */
	orders.proxy = spec->upstream_proxy;
	if (seal_orders(&orders, &text, err) < 0)
		return -1;
	fds[ORDERS_FD_TEXT] = text;
	fds[ORDERS_FD_TCP] = network->net.tcp_fd;
	fds[ORDERS_FD_UDP] = network->net.udp_fd;
	fds[ORDERS_FD_AUDIT] = audit;
	fds[ORDERS_FD_COUNTERS] = counters;
	fds[ORDERS_FD_RESOLVER] = resolver_sock;
	return orders_send(network->sock, ORDERS_START, "", fds, ORDERS_FDS, err);
}

/* --- what becomes of them --- */

static void tell_ended(struct network *network, const struct err *why)
{
	const struct err reason = *why;

	if (network->told)
		return;
	network->told = true;
	uv_poll_stop(&network->gateway_poll);
	uv_poll_stop(&network->resolver_poll);
	uv_poll_stop(&network->addresses_poll);
	network->owner.ended(network->owner.ctx, &reason);
}

/* "the gateway ended: killed by signal 9" */
static void process_gone(struct network *network, const char *name, struct proc *proc)
{
	char how[64] = "it closed its socket";
	struct err err;
	int status;

	if (proc_wait(proc, REAP_MS, &status, &err) == 0)
		proc_describe(status, how, sizeof(how));
	err_set_(&err, ERR_IO, "the sandbox's %s ended: %s", name, how);
	tell_ended(network, &err);
}

/* The next packet of the gateway: -1 with its reason, 0 when it is gone, 1. */
static int take_answer(struct network *network, struct err *err)
{
	char reason[ORDERS_REASON_SIZE];
	enum orders_type type = 0;
	int fds[ORDERS_FDS];
	size_t count = 0;
	int status = orders_receive(network->sock, &type, reason, fds, &count, err);

	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (status <= 0)
		return status;
	if (type == ORDERS_FAILED)
		return err_set(err, ERR_INVALID, "%s", reason);
	network->answered = true;
	return 1;
}

static void on_gateway(uv_poll_t *poll, int status, int events)
{
	struct network *network = poll->data;
	struct err err;
	int answer;

	(void)status;
	(void)events;
	answer = take_answer(network, &err);
	/* A packet of ours that it has not read makes its end a reset. */
	if (answer == 0 || (answer < 0 && err.code == ERR_IO))
		process_gone(network, "gateway", &network->gateway);
	else if (answer < 0)
		tell_ended(network, &err);
}

static void on_resolver(uv_poll_t *poll, int status, int events)
{
	struct network *network = poll->data;

	(void)status;
	(void)events;
	process_gone(network, "resolver", &network->resolver);
}

static void on_addresses(uv_poll_t *poll, int status, int events);

static int watch(struct network *network, uv_loop_t *loop, struct err *err)
{
	struct {
		uv_poll_t *poll;
		int fd;
		uv_poll_cb call;
	} const watched[] = {
		{&network->gateway_poll, network->sock, on_gateway},
		{&network->resolver_poll, network->resolver.pidfd, on_resolver},
		{&network->addresses_poll, network->addresses_fd, on_addresses},
	};

	for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
		if (uv_poll_init(loop, watched[i].poll, watched[i].fd) < 0)
			return err_set(err, ERR_INTERNAL, "cannot watch the gateway");
		network->handles++;
		watched[i].poll->data = network;
		uv_poll_start(watched[i].poll, UV_READABLE, watched[i].call);
	}
	return 0;
}

int network_serve(struct network *network, uv_loop_t *loop, const struct sandbox_spec *spec,
		  const char *id, const char *dir, const struct network_owner *owner,
		  struct err *err)
{
	AUTO_FREE char *program = NULL;
	AUTO_FD int resolver_sock = -1;

	network->owner = *owner;
	fill_orders(&network->orders, spec, id);
	if (path_program(&program, err) < 0 || ip_host_watch(&network->addresses_fd, err) < 0 ||
	    start_gateway(network, program, err) < 0 ||
	    start_resolver(network, program, &resolver_sock, err) < 0 ||
	    send_orders(network, spec, dir, resolver_sock, err) < 0)
		return -1;
	return watch(network, loop, err);
}

/* --- a new policy --- */

/* A signal to us says nothing about the gateway. */
static bool has_packet(int sock)
{
	struct pollfd ready = {.fd = sock, .events = POLLIN};
	int count;

	do {
		count = poll(&ready, 1, POLICY_TIMEOUT_MS);
	} while (count < 0 && errno == EINTR);
	return count > 0;
}

/* Its answer may come behind the one to the first orders. */
static int await_answer(struct network *network, struct err *err)
{
	bool first = !network->answered;
	int status;

	for (int answers = first ? 2 : 1; answers > 0; answers--) {
		if (!has_packet(network->sock)) {
			/* Nobody knows what is in force: let nothing be. */
			kill(network->gateway.pid, SIGKILL);
			return err_set(err, ERR_TIMEOUT, "the gateway does not answer");
		}
		status = take_answer(network, err);
		if (status == 0)
			return err_set(err, ERR_UNAVAILABLE, "the gateway has ended");
		if (status < 0)
			return -1;
	}
	return 0;
}

static int put_in_force(struct network *network, const struct policy_spec *policy, struct err *err)
{
	struct orders orders = network->orders;
	AUTO_FD int text = -1;

	orders.policy = *policy;
	if (seal_orders(&orders, &text, err) < 0 ||
	    orders_send(network->sock, ORDERS_POLICY, "", &text, 1, err) < 0)
		return -1;
	return await_answer(network, err);
}

int network_set_policy(struct network *network, const struct policy_spec *policy, struct err *err)
{
	if (put_in_force(network, policy, err) < 0)
		return -1;
	policy_spec_done(&network->orders.policy);
	network->orders.policy = policy_spec_copy(policy);
	return 0;
}

/* No guest reaches the host by an address that it has got since.  If they cannot be told, those
 * that were known stay closed. */
static void on_addresses(uv_poll_t *poll, int status, int events)
{
	struct network *network = poll->data;
	AUTO(auto_strv) char **ips = NULL;
	struct err err;

	(void)status;
	(void)events;
	ip_host_seen(network->addresses_fd);
	if (list_host_ips(&ips, &err) < 0) {
		log_warn("network", "%s", err.msg);
		return;
	}
	strv_free(network->orders.host_ips);
	network->orders.host_ips = STEAL(ips);
	if (put_in_force(network, &network->orders.policy, &err) < 0)
		log_warn("network", "%s", err.msg);
}

/* --- the end --- */

static void on_closed(uv_handle_t *handle)
{
	struct network *network = handle->data;

	if (--network->handles == 0)
		free(network);
}

/* The gateway is given the time to record how its connections ended. */
static void end_gateway(struct network *network)
{
	struct err err;
	int status;

	if (network->sock >= 0)
		close(network->sock);
	if (network->gateway.pid && proc_wait(&network->gateway, REAP_MS, &status, &err) < 0)
		log_warn("network", "gateway: %s", err.msg);
	proc_kill(&network->gateway);
}

void network_close(struct network *network)
{
	unsigned handles;

	if (!network)
		return;
	handles = network->handles;
	if (handles > 0)
		uv_close((uv_handle_t *)&network->gateway_poll, on_closed);
	if (handles > 1)
		uv_close((uv_handle_t *)&network->resolver_poll, on_closed);
	if (handles > 2)
		uv_close((uv_handle_t *)&network->addresses_poll, on_closed);
	end_gateway(network);
	proc_kill(&network->resolver);
	if (network->addresses_fd >= 0)
		close(network->addresses_fd);
	net_close(&network->net);
	orders_done(&network->orders);
	if (handles == 0)
		free(network);
}
