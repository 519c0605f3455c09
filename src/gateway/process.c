// SPDX-License-Identifier: MIT
/*
 * The gateway process: see process.h.
 *
 * Happy path: the orders arrive, the parts are put together, DONE is said, and the loop serves the
 * guest; each further policy takes the place of the one before, between two callbacks.
 * Failure modes: orders that make no sense are answered with FAILED; the first ones also end the
 * process, later ones leave the policy as it is.  When the supervisor is gone all is over.
 */
#include "gateway/process.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/confine.h"
#include "base/limits.h"
#include "base/sealed.h"
#include "base/strv.h"
#include "gateway/audit.h"
#include "gateway/connections.h"
#include "gateway/dns_pool.h"
#include "gateway/dns_server.h"
#include "gateway/gateway.h"
#include "gateway/orders.h"
#include "gateway/pipe_pool.h"
#include "gateway/resolver.h"
#include "gateway/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct process {
	struct gateway gateway;
	struct policy *policy;
	struct dns_server *dns;
	struct connections *connections;
	uv_loop_t loop;
	uv_poll_t poll; /* of the socket */
	int sock;
	bool served;
};

/* --- orders --- */

static void close_fds(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int read_orders(int fd, struct orders *ret_orders, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_ORDERS);
	int status = sealed_read(fd, &text, "gateway orders", err);

	if (status == 0)
		status = orders_unpack((struct view){text.ptr, text.len}, ret_orders, err);
	explicit_bzero(text.ptr, text.len);
	return status;
}

static int make_policy(const struct orders *orders, struct policy **ret_policy, struct err *err)
{
	struct policy_facts facts = {.id = orders->id, .add_hosts = orders->add_hosts};
	size_t count = strv_count(orders->host_ips);
	AUTO_FREE struct ip *ips = xcalloc(count + 1, sizeof(*ips));

	for (size_t i = 0; i < count; i++) {
		if (!ip_parse(orders->host_ips[i], &ips[i]))
			return err_set(err, ERR_PROTOCOL, "gateway orders: bad address");
	}
	facts.host_ips = ips;
	facts.host_ip_count = count;
	return policy_new(&orders->policy, &facts, ret_policy, err);
}

static void use_policy(struct process *process, struct policy *policy)
{
	policy_free(process->policy);
	process->policy = policy;
	process->gateway.policy = policy;
}

/* --- the parts --- */

static int map_counters(int fd, struct counters **ret_counters, struct err *err)
{
	void *map = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return err_sys(err, errno, "map the counters");
	*ret_counters = map;
	return 0;
}

/* A descriptor that a part takes over, also when it fails. */
static int take(int *fds, enum orders_fd which)
{
	return STEAL_FD(fds[which]);
}

static int build(struct process *process, const struct orders *orders, int *fds, struct err *err)
{
	struct gateway *gateway = &process->gateway;
	struct policy *policy;

	if (make_policy(orders, &policy, err) < 0)
		return -1;
	use_policy(process, policy);
	if (map_counters(fds[ORDERS_FD_COUNTERS], &gateway->counters, err) < 0 ||
	    audit_open(take(fds, ORDERS_FD_AUDIT), orders->id, &gateway->audit, err) < 0 ||
	    resolver_open(gateway->loop, take(fds, ORDERS_FD_RESOLVER), &gateway->resolver, err) <
		    0 ||
	    upstream_new(gateway->loop, gateway->resolver, *orders->proxy ? orders->proxy : NULL,
			 *orders->no_proxy ? orders->no_proxy : NULL, &gateway->upstream, err) < 0)
		return -1;
	gateway->pipes = pipe_pool_new();
	gateway->pool = dns_pool_new(LIMIT_DNS_NAMES, LIMIT_DNS_LIFETIME_MS);
	if (dns_server_open(gateway, take(fds, ORDERS_FD_UDP), &process->dns, err) < 0)
		return -1;
	return connections_open(gateway, take(fds, ORDERS_FD_TCP), process->dns,
				&process->connections, err);
}

static int begin(struct process *process, struct err *err)
{
	AUTO(orders_done) struct orders orders = {0};
	char reason[ORDERS_REASON_SIZE];
	enum orders_type type = 0;
	int fds[ORDERS_FDS];
	size_t count = 0;
	int status = orders_receive(process->sock, &type, reason, fds, &count, err);

	if (status < 0)
		return -1;
	if (status == 0 || type != ORDERS_START || count != ORDERS_FDS) {
		close_fds(fds, count);
		return err_set(err, ERR_PROTOCOL, "gateway: no orders came");
	}
	status = read_orders(fds[ORDERS_FD_TEXT], &orders, err);
	if (status == 0)
		status = build(process, &orders, fds, err);
	close_fds(fds, count);
	return status;
}

/* --- what comes later --- */

static int change_policy(struct process *process, int text_fd, struct err *err)
{
	AUTO(orders_done) struct orders orders = {0};
	struct policy *policy;

	if (read_orders(text_fd, &orders, err) < 0 || make_policy(&orders, &policy, err) < 0)
		return -1;
	use_policy(process, policy);
	connections_recheck(process->connections);
	return 0;
}

static void on_packet(uv_poll_t *poll, int status, int events)
{
	struct process *process = poll->data;
	char reason[ORDERS_REASON_SIZE];
	enum orders_type type = 0;
	int fds[ORDERS_FDS];
	size_t count = 0;
	struct err err;

	(void)status;
	(void)events;
	if (orders_receive(process->sock, &type, reason, fds, &count, &err) <= 0) {
		uv_stop(&process->loop);
		return;
	}
	if (type != ORDERS_POLICY || count != 1)
		err_set_(&err, ERR_PROTOCOL, "gateway: unexpected packet");
	else if (change_policy(process, fds[ORDERS_FD_TEXT], &err) == 0)
		err = (struct err){0};
	close_fds(fds, count);
	if (orders_send(process->sock, err.code ? ORDERS_FAILED : ORDERS_DONE,
			err.code ? err.msg : "", NULL, 0, &err) < 0)
		uv_stop(&process->loop);
}

static int serve(struct process *process, struct err *err)
{
	if (begin(process, err) < 0 || confine_to_self(err) < 0) {
		struct err lost;

		(void)orders_send(process->sock, ORDERS_FAILED, err->msg, NULL, 0, &lost);
		return -1;
	}
	if (orders_send(process->sock, ORDERS_DONE, "", NULL, 0, err) < 0)
		return -1;
	if (uv_poll_init(&process->loop, &process->poll, process->sock) < 0)
		return err_set(err, ERR_INTERNAL, "gateway: cannot watch its socket");
	process->poll.data = process;
	uv_poll_start(&process->poll, UV_READABLE, on_packet);
	uv_run(&process->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&process->poll, NULL);
	return 0;
}

/* The guest's connections are reset and their ends recorded; the rest goes with the process, but
 * is given back so that a leak would show. */
static void end(struct process *process)
{
	struct gateway *gateway = &process->gateway;

	connections_close(process->connections);
	dns_server_close(process->dns);
	if (gateway->upstream)
		upstream_free(gateway->upstream);
	if (gateway->resolver)
		resolver_close(gateway->resolver);
	uv_run(&process->loop, UV_RUN_DEFAULT);
	uv_loop_close(&process->loop);
	pipe_pool_free(gateway->pipes);
	dns_pool_free(gateway->pool);
	policy_free(process->policy);
	audit_close(gateway->audit);
}

int gateway_run(int sock, struct err *err)
{
	struct process process = {.sock = sock};
	int status;

	/* No other process of the user's looks into this one. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "gateway");
	if (uv_loop_init(&process.loop) < 0)
		return err_set(err, ERR_INTERNAL, "gateway: no event loop");
	process.gateway.loop = &process.loop;
	status = serve(&process, err);
	end(&process);
	return status;
}
