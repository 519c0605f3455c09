// SPDX-License-Identifier: MIT
/*
 * One connection: see connection.h.
 *
 *	CONNECT is allowed, and needs
 *	NOTHING		server, tunnel
 *	NAME		server, tunnel that is inspected; HTTP goes on as an HTTP flow
 *	TLS, HTTP	first bytes, then as TLS: server, tunnel; as HTTP: HTTP flow, which asks
 *			for the server when its first request was allowed
 *
 * Every decision is recorded before it is acted on; what cannot be recorded is not allowed.
 * Failure modes: whatever goes wrong, or is denied, resets the guest's connection; where the guest
 * speaks HTTP it is answered instead.  So a denied connection to port 80 is first let speak.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/connection.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/claim.h"
#include "gateway/first_bytes.h"
#include "gateway/http_answer.h"
#include "gateway/http_flow.h"
#include "gateway/record.h"
#include "gateway/route.h"
#include "gateway/tunnel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CHUNK = 16 * 1024, PORT_HTTP = 80 };

struct connection {
	struct gateway *gateway;
	connection_ended_fn *ended;
	void *ctx;
	struct claim claim;
	struct record record;
	enum policy_needs needs; /* of the last CONNECT that was allowed */

	int guest_fd;		   /* -1: handed on */
	uv_poll_t poll;		   /* of it, for its first bytes */
	bool polled;		   /* `poll` is there */
	struct buf bytes;	   /* what it has said meanwhile */
	struct first_bytes *first; /* NULL: not awaited */
	uv_timer_t timer;	   /* of the first bytes */

	struct route route;
	struct ip ip; /* whom it reached */
	bool reached;

	/* What has the sockets, at most one of them. */
	struct tunnel *tunnel;
	struct http_flow *http;

	unsigned handles;
};

/* --- the end --- */

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	if (--connection->handles == 0)
		free(connection);
}

static void stop_first(struct connection *connection)
{
	if (connection->first)
		first_bytes_done(connection->first);
	free(STEAL(connection->first));
	uv_timer_stop(&connection->timer);
	if (connection->polled)
		uv_close((uv_handle_t *)&connection->poll, on_closed);
	connection->polled = false;
}

static void reset_guest(struct connection *connection)
{
	const struct linger at_once = {.l_onoff = 1};

	if (connection->guest_fd < 0)
		return;
	setsockopt(connection->guest_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(STEAL_FD(connection->guest_fd));
}

static void let_go(struct connection *connection)
{
	stop_first(connection);
	route_cancel(&connection->route);
	tunnel_close(STEAL(connection->tunnel));
	http_flow_close(STEAL(connection->http));
	reset_guest(connection);
	buf_done(&connection->bytes);
	uv_close((uv_handle_t *)&connection->timer, on_closed);
}

static void end_with(struct connection *connection, const struct tunnel_result *result)
{
	record_end(&connection->record, connection->reached ? &connection->ip : NULL, result);
	let_go(connection);
}

void connection_close(struct connection *connection, const char *why)
{
	struct tunnel_result result = {.error = why};

	if (connection->tunnel)
		tunnel_count(connection->tunnel, &result);
	if (connection->http)
		http_flow_count(connection->http, &result);
	end_with(connection, &result);
}

static void end(struct connection *connection, const char *error)
{
	connection_close(connection, error);
	connection->ended(connection->ctx);
}

static void on_relay_ended(void *ctx, const struct tunnel_result *result)
{
	struct connection *connection = ctx;

	end_with(connection, result);
	connection->ended(connection->ctx);
}

/* --- the server --- */

static void open_relay(struct connection *connection, int server_fd);

static void on_failed(struct connection *connection, const struct err *why)
{
	if (connection->http)
		http_flow_fail(connection->http,
			       why->code == ERR_TIMEOUT ? HTTP_ANSWER_TIMEOUT
							: HTTP_ANSWER_BAD_GATEWAY,
			       why->msg);
	else
		end(connection, why->msg);
}

static void on_denied(struct connection *connection, struct policy_verdict *verdict)
{
	struct audit_event event = {.what = "connect",
				    .status = connection->http ? HTTP_ANSWER_DENIED : 0};

	(void)record_verdict(&connection->record, &event, verdict);
	if (connection->http)
		http_flow_deny(connection->http, verdict);
	else
		end(connection, NULL);
}

static void on_route(void *ctx, const struct route_end *end)
{
	struct connection *connection = ctx;

	if (end->denied) {
		on_denied(connection, end->denied);
	} else if (end->fd < 0) {
		on_failed(connection, end->why);
	} else {
		connection->reached = true;
		connection->ip = end->ip;
		connection->gateway->counters->connections++;
		open_relay(connection, end->fd);
	}
}

static void find_server(void *ctx)
{
	struct connection *connection = ctx;

	route_start(&connection->route, connection->gateway, &connection->claim, on_route,
		    connection);
}

/* --- what the guest says --- */

static enum policy_protocol protocol_of(enum first_kind kind)
{
	return kind == FIRST_TLS ? POLICY_TLS : kind == FIRST_HTTP ? POLICY_HTTP : POLICY_OTHER;
}

/* By the first bytes, where they are no HTTP; a denial is recorded.  One that was in force before
 * they came is the connection's, whatever they are. */
static bool judge_first(struct connection *connection, enum first_kind kind)
{
	struct claim *claim = &connection->claim;
	struct policy_verdict verdict;

	claim->said = protocol_of(kind);
	claim->name_port = claim->port;
	if (kind == FIRST_TLS)
		memcpy(claim->name, connection->first->hello.name, sizeof(claim->name));
	if (kind == FIRST_BAD)
		claim_deny(connection->first->reason, &verdict);
	else
		claim_judge(claim, connection->gateway->policy, &verdict);
	return record_claim(&connection->record, &verdict);
}

static bool on_judge_request(void *ctx, const struct http1_request *request,
			     struct policy_verdict *ret_verdict)
{
	struct connection *connection = ctx;
	struct claim *claim = &connection->claim;
	const struct http1_target *target = &request->target;
	uint16_t usual = target->form != HTTP1_ABSOLUTE ? claim->port : target->https ? 443 : 80;
	struct audit_event event = {.method = request->method, .path = target->path};

	claim->said = POLICY_HTTP;
	memcpy(claim->name, request->authority.host, sizeof(claim->name));
	claim->name_port = request->authority.port ? request->authority.port : usual;
	claim_judge(claim, connection->gateway->policy, ret_verdict);
	if (ret_verdict->allowed && request->is_connect)
		claim_deny("CONNECT is not passed on: what goes through it could not be judged",
			   ret_verdict);
	if (!ret_verdict->allowed)
		event.status = HTTP_ANSWER_DENIED;
	return record_verdict(&connection->record, &event, ret_verdict);
}

static void open_http(struct connection *connection, int server_fd)
{
	struct http_flow_spec spec = {STEAL_FD(connection->guest_fd),
				      server_fd,
				      {connection->bytes.ptr, connection->bytes.len},
				      connection->gateway->counters};
	struct http_flow_owner owner = {on_judge_request, find_server, on_relay_ended, connection};
	struct err err;

	stop_first(connection);
	if (http_flow_open(connection->gateway->loop, &spec, &owner, &connection->http, &err) < 0)
		end(connection, err.msg);
	else
		buf_done(&connection->bytes);
}

/* --- before there is a server --- */

/* A denial that waited for a request to answer. */
static void record_silent(struct connection *connection)
{
	struct policy_verdict verdict;

	if (!connection->record.allowed &&
	    !claim_judge(&connection->claim, connection->gateway->policy, &verdict))
		(void)record_claim(&connection->record, &verdict);
}

static void end_silent(struct connection *connection, const char *error)
{
	record_silent(connection);
	end(connection, error);
}

static void on_late(uv_timer_t *timer)
{
	end_silent(timer->data, "it did not say in time what it is");
}

static void read_first(struct connection *connection)
{
	struct view bytes = {connection->bytes.ptr, connection->bytes.len};
	enum first_kind kind = first_bytes_read(connection->first, bytes);

	if (kind == FIRST_MORE)
		return;
	if (kind == FIRST_HTTP) {
		open_http(connection, -1);
		return;
	}
	if (!judge_first(connection, kind)) {
		end(connection, NULL);
		return;
	}
	stop_first(connection);
	find_server(connection);
}

static void on_first(uv_poll_t *poll, int status, int events)
{
	struct connection *connection = poll->data;
	char chunk[CHUNK];
	ssize_t len = recv(connection->guest_fd, chunk, sizeof(chunk), 0);

	(void)events;
	if (len > 0) {
		buf_put(&connection->bytes, chunk, (size_t)len);
		read_first(connection);
	} else if (len == 0) {
		end_silent(connection, "it ended before it had said what it is");
	} else if ((errno != EAGAIN && errno != EINTR) || status < 0) {
		end_silent(connection, "reset by the guest");
	}
}

static void await_first(struct connection *connection)
{
	if (uv_poll_init(connection->gateway->loop, &connection->poll, connection->guest_fd) < 0) {
		end_silent(connection, "it cannot be watched");
		return;
	}
	connection->polled = true;
	connection->handles++;
	connection->poll.data = connection;
	connection->first = xcalloc(1, sizeof(*connection->first));
	first_bytes_init(connection->first);
	uv_timer_start(&connection->timer, on_late, LIMIT_FIRST_BYTES_MS, 0);
	uv_poll_start(&connection->poll, UV_READABLE, on_first);
}

/* --- when there is one --- */

static void on_http(uv_timer_t *timer)
{
	struct connection *connection = timer->data;
	struct err err;
	int server_fd;

	if (tunnel_take(connection->tunnel, &connection->guest_fd, &server_fd, &connection->bytes,
			&err) < 0) {
		end(connection, err.msg);
		return;
	}
	tunnel_close(STEAL(connection->tunnel));
	open_http(connection, server_fd);
}

static enum tunnel_verdict on_inspect(void *ctx, struct view bytes)
{
	struct connection *connection = ctx;
	enum first_kind kind = first_bytes_read(connection->first, bytes);

	if (kind == FIRST_MORE) {
		if (!uv_is_active((uv_handle_t *)&connection->timer))
			uv_timer_start(&connection->timer, on_late, LIMIT_FIRST_BYTES_MS, 0);
		return TUNNEL_MORE;
	}
	if (kind == FIRST_HTTP) { /* the sockets are not to be taken in here */
		uv_timer_start(&connection->timer, on_http, 0, 0);
		return TUNNEL_STOP;
	}
	if (!judge_first(connection, kind)) {
		end(connection, NULL);
		return TUNNEL_STOP;
	}
	stop_first(connection);
	return TUNNEL_PASS;
}

/* A server that is gone without a word is noticed. */
static void watch_server(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, LIMIT_KEEPALIVE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, LIMIT_KEEPALIVE_S / 4},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value,
			   sizeof(options[i].value));
}

static void open_tunnel(struct connection *connection, int server_fd)
{
	bool inspected = connection->claim.said == POLICY_CONNECT &&
			 connection->needs != POLICY_NEEDS_NOTHING;
	struct tunnel_spec spec = {STEAL_FD(connection->guest_fd),
				   server_fd,
				   {connection->bytes.ptr, connection->bytes.len},
				   LIMIT_TUNNEL_IDLE_MS,
				   connection->gateway->pipes,
				   connection->gateway->counters};
	struct tunnel_owner owner = {inspected ? on_inspect : NULL, on_relay_ended, connection};
	struct err err;

	if (inspected) {
		connection->first = xcalloc(1, sizeof(*connection->first));
		first_bytes_init(connection->first);
	}
	if (tunnel_open(connection->gateway->loop, &spec, &owner, &connection->tunnel, &err) < 0)
		end(connection, err.msg);
	else
		buf_done(&connection->bytes);
}

static void open_relay(struct connection *connection, int server_fd)
{
	watch_server(server_fd);
	if (connection->http)
		http_flow_serve(connection->http, server_fd);
	else
		open_tunnel(connection, server_fd);
}

/* --- its beginning, and another policy --- */

struct connection *connection_new(struct gateway *gateway, const struct connection_spec *spec,
				  connection_ended_fn *ended, void *ctx)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	uint64_t now = uv_now(gateway->loop);

	connection->gateway = gateway;
	connection->ended = ended;
	connection->ctx = ctx;
	connection->guest_fd = spec->guest_fd;
	connection->bytes = (struct buf)BUF_INIT(LIMIT_TUNNEL_HELD);
	claim_init(&connection->claim, &spec->ip, spec->port, gateway->pool, now);
	connection->record = (struct record){gateway, &connection->claim, spec->flow, now, false};
	uv_timer_init(gateway->loop, &connection->timer);
	connection->timer.data = connection;
	connection->handles = 1;
	return connection;
}

void connection_start(struct connection *connection)
{
	struct policy_verdict verdict;
	bool allowed = claim_judge(&connection->claim, connection->gateway->policy, &verdict);

	if (!allowed && connection->claim.port == PORT_HTTP) {
		await_first(connection);
		return;
	}
	connection->needs = verdict.needs;
	if (!record_claim(&connection->record, &verdict))
		end(connection, NULL);
	else if (connection->needs >= POLICY_NEEDS_TLS)
		await_first(connection);
	else
		find_server(connection);
}

/* Are bytes passed that nobody looked at, since nothing was needed? */
static bool is_blind(const struct connection *connection)
{
	return connection->tunnel && !connection->first && connection->claim.said == POLICY_CONNECT;
}

void connection_recheck(struct connection *connection)
{
	struct policy_verdict verdict;
	struct claim connect = connection->claim;

	if (!connection->record.allowed) /* it will be denied in its own time */
		return;
	connect.said = POLICY_CONNECT;
	if (!claim_judge(&connection->claim, connection->gateway->policy, &verdict)) {
		(void)record_claim(&connection->record, &verdict);
		end(connection, "the policy has changed");
		return;
	}
	claim_judge(&connect, connection->gateway->policy, &verdict);
	connection->needs = verdict.needs;
	if (!is_blind(connection) || verdict.needs == POLICY_NEEDS_NOTHING)
		return;
	claim_deny("the policy has changed and needs a name, which was not looked at", &verdict);
	(void)record_claim(&connection->record, &verdict);
	end(connection, "the policy has changed");
}
