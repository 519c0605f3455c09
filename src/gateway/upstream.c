// SPDX-License-Identifier: MIT
/*
 * The way out: see upstream.h.
 *
 * Happy path: directly, it is one dial (gateway/dial.h).  By the proxy: the proxy's name is
 * resolved, one of its addresses dialled, CONNECT written, and the head of the answer read, to the
 * byte: what is behind it is left in the socket for whoever gets it.
 * Failure modes: whatever goes wrong with the proxy, or takes it longer than LIMIT_PROXY_MS, ends
 * the dial with an error that names the proxy.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/upstream.h"

#include "api/host_name.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/dial.h"
#include "gateway/http1.h"
#include "gateway/proxy.h"
#include "gateway/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

enum { CHUNK = 4096 };

struct upstream {
	uv_loop_t *loop;
	struct resolver *resolver;
	struct proxy *proxy; /* NULL: none */
};

struct upstream_dial {
	struct upstream *upstream;
	upstream_done_fn *done;
	void *ctx;
	struct dial *dial; /* NULL: not now */

	/* By the proxy. */
	char host[HOST_NAME_SIZE];
	uint16_t port;
	struct resolver_query *query; /* NULL: not now */
	uv_timer_t timer;
	uv_poll_t poll;
	unsigned handles;
	int fd; /* to the proxy, once `poll` watches it */
	struct ip ip;
	struct buf request; /* what of it is still to be written */
	struct buf head;    /* of the answer, so far */
	struct http1_scan scan;
};

int upstream_new(uv_loop_t *loop, struct resolver *resolver, const char *proxy,
		 const char *no_proxy, struct upstream **ret_upstream, struct err *err)
{
	struct proxy *known = NULL;

	if (proxy && proxy_new(proxy, no_proxy, &known, err) < 0)
		return -1;
	*ret_upstream = xcalloc(1, sizeof(**ret_upstream));
	**ret_upstream = (struct upstream){loop, resolver, known};
	return 0;
}

void upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	proxy_free(upstream->proxy);
	free(upstream);
}

bool upstream_by_proxy(const struct upstream *upstream, const char *host, uint16_t port)
{
	return upstream->proxy && proxy_gets(upstream->proxy, host, port);
}

/* --- the end of a dial --- */

static void dial_free(struct upstream_dial *dial)
{
	buf_done(&dial->request);
	buf_done(&dial->head);
	free(dial);
}

static void on_closed(uv_handle_t *handle)
{
	struct upstream_dial *dial = handle->data;

	if (--dial->handles == 0)
		dial_free(dial);
}

/* Takes the socket out of it, if there is one, and lets all else go. */
static int let_go(struct upstream_dial *dial)
{
	int fd = STEAL_FD(dial->fd);

	if (dial->query)
		resolver_cancel(STEAL(dial->query));
	if (dial->dial)
		dial_cancel(STEAL(dial->dial));
	if (fd >= 0)
		uv_close((uv_handle_t *)&dial->poll, on_closed);
	if (dial->handles > 0)
		uv_close((uv_handle_t *)&dial->timer, on_closed);
	else
		dial_free(dial);
	return fd;
}

void upstream_cancel(struct upstream_dial *dial)
{
	int fd = let_go(dial);

	if (fd >= 0)
		close(fd);
}

/* The other end of upstream_cancel(): the owner is told why.  `why` is put behind the proxy. */
static void fail(struct upstream_dial *dial, const struct err *why)
{
	const struct http1_authority *proxy = &dial->upstream->proxy->address;
	upstream_done_fn *done = dial->done;
	void *ctx = dial->ctx;
	struct err err = *why;

	err_wrap_(&err, "proxy %s:%u", proxy->host, proxy->port);
	upstream_cancel(dial);
	done(ctx, -1, NULL, &err);
}

static void fail_with(struct upstream_dial *dial, enum err_code code, const char *text)
{
	struct err why;

	err_set_(&why, code, "%s", text);
	fail(dial, &why);
}

/* --- what the proxy says --- */

static void judge(struct upstream_dial *dial, const struct http1_response *response)
{
	upstream_done_fn *done = dial->done;
	struct ip ip = dial->ip;
	void *ctx = dial->ctx;
	struct err why;

	if (response->status < 200) { /* another one follows */
		buf_clear(&dial->head);
		dial->scan = (struct http1_scan){0};
		return;
	}
	if (response->head.content != HTTP1_TUNNEL) {
		proxy_refusal(dial->upstream->proxy, response->status, &why);
		fail(dial, &why);
		return;
	}
	done(ctx, let_go(dial), &ip, NULL);
}

/* Adds `bytes`, which are still in the socket, to the head, and takes those of the head out of it.
 */
static void read_answer(struct upstream_dial *dial, struct view bytes)
{
	static const struct http1_request connect = {.head = {.minor = 1}, .is_connect = true};
	size_t before = dial->head.len, used = bytes.len;
	struct http1_response response;
	char taken[CHUNK];
	struct err why;
	ssize_t size;

	buf_put(&dial->head, bytes.ptr, bytes.len);
	size = http1_response_read(&dial->scan, (struct view){dial->head.ptr, dial->head.len},
				   &connect, &response, &why);
	if (size < 0) {
		fail(dial, &why);
		return;
	}
	if (size > 0)
		used = (size_t)size - before;
	if (recv(dial->fd, taken, used, 0) != (ssize_t)used)
		fail_with(dial, ERR_INTERNAL, "gave other bytes than it had shown");
	else if (size > 0)
		judge(dial, &response);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct upstream_dial *dial = poll->data;
	char chunk[CHUNK];
	ssize_t len = recv(dial->fd, chunk, sizeof(chunk), MSG_PEEK);

	(void)events;
	if (len > 0)
		read_answer(dial, (struct view){chunk, (size_t)len});
	else if (len == 0)
		fail_with(dial, ERR_IO, "closed the connection without an answer");
	else if (errno != EAGAIN && errno != EINTR)
		fail_with(dial, ERR_IO, "reset the connection");
	/* Stopped by libuv for an error that shows when all before it was read. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		uv_poll_start(poll, UV_READABLE, on_answer);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct upstream_dial *dial = poll->data;
	ssize_t len = send(dial->fd, dial->request.ptr, dial->request.len, MSG_NOSIGNAL);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR) && status == 0)
		return;
	if (len < 0 || status < 0) {
		fail_with(dial, ERR_IO, "reset the connection");
		return;
	}
	buf_consume(&dial->request, (size_t)len);
	if (dial->request.len == 0)
		uv_poll_start(poll, UV_READABLE, on_answer);
}

/* --- the way to the proxy --- */

static void on_reached(void *ctx, int fd, const struct ip *ip, const struct err *why)
{
	struct upstream_dial *dial = ctx;

	dial->dial = NULL;
	if (fd < 0) {
		fail(dial, why);
		return;
	}
	if (uv_poll_init(dial->upstream->loop, &dial->poll, fd) < 0) {
		close(fd);
		fail_with(dial, ERR_INTERNAL, "cannot be watched");
		return;
	}
	dial->handles++;
	dial->poll.data = dial;
	dial->fd = fd;
	dial->ip = *ip;
	proxy_ask(dial->upstream->proxy, dial->host, dial->port, &dial->request);
	uv_poll_start(&dial->poll, UV_WRITABLE, on_writable);
}

static void dial_proxy(struct upstream_dial *dial, const struct ip *ips, size_t count)
{
	struct upstream *upstream = dial->upstream;

	dial->dial = dial_start(upstream->loop, ips, count, upstream->proxy->address.port,
				on_reached, dial);
}

static void on_resolved(void *ctx, const struct resolver_reply *reply)
{
	struct upstream_dial *dial = ctx;

	dial->query = NULL;
	if (reply->ip_count == 0)
		fail_with(dial, ERR_NOT_FOUND, "its name has no address");
	else
		dial_proxy(dial, reply->ips, reply->ip_count);
}

static void on_late(uv_timer_t *timer)
{
	fail_with(timer->data, ERR_TIMEOUT, "takes too long");
}

static void on_begin(uv_timer_t *timer)
{
	struct upstream_dial *dial = timer->data;
	struct upstream *upstream = dial->upstream;
	const char *name = upstream->proxy->address.host;
	struct ip ip;

	uv_timer_start(timer, on_late, LIMIT_PROXY_MS, 0);
	if (ip_parse(name, &ip)) {
		dial_proxy(dial, &ip, 1);
		return;
	}
	dial->query = resolver_addresses(upstream->resolver, name, on_resolved, dial);
	if (!dial->query)
		fail_with(dial, ERR_LIMIT, "too many names are being looked up");
}

/* --- directly --- */

static void on_connected(void *ctx, int fd, const struct ip *ip, const struct err *why)
{
	struct upstream_dial *dial = ctx;
	upstream_done_fn *done = dial->done;

	ctx = dial->ctx;
	dial_free(dial);
	done(ctx, fd, ip, why);
}

struct upstream_dial *upstream_connect(struct upstream *upstream,
				       const struct upstream_target *target, upstream_done_fn *done,
				       void *ctx)
{
	struct upstream_dial *dial = xcalloc(1, sizeof(*dial));
	bool by_proxy = !target->direct && upstream_by_proxy(upstream, target->host, target->port);

	dial->upstream = upstream;
	dial->done = done;
	dial->ctx = ctx;
	dial->fd = -1;
	dial->request = (struct buf)BUF_INIT(4 * LIMIT_PROXY_TEXT);
	dial->head = (struct buf)BUF_INIT(LIMIT_HTTP_HEAD + CHUNK);
	if (!by_proxy) {
		dial->dial = dial_start(upstream->loop, target->ips, target->ip_count, target->port,
					on_connected, dial);
		return dial;
	}
	snprintf(dial->host, sizeof(dial->host), "%s", target->host);
	dial->port = target->port;
	uv_timer_init(upstream->loop, &dial->timer);
	dial->timer.data = dial;
	dial->handles = 1;
	uv_timer_start(&dial->timer, on_begin, 0, 0);
	return dial;
}
