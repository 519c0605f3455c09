// SPDX-License-Identifier: MIT
/*
 * The tunnel: see tunnel.h.
 *
 * Happy path: each side is watched for what can go on (watch()), and the bytes are passed
 * (tunnel_bytes.c).  The end of a side is passed on when all before it was; after both ends the
 * tunnel is over.
 * Failure modes: an error of one side resets the other, after what came before it was passed on as
 * far as the other side takes it at once.  So does the idle limit, and an inspection that ends in
 * the middle.
 * Close: one callback a handle is counted, and the owner; the last frees.
 */
#include "gateway/tunnel_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* What shows the errors of a side that is neither read nor written at the moment. */
enum { UNUSUAL = UV_DISCONNECT | UV_PRIORITIZED };

/* --- ends --- */

static void drop_holder(struct tunnel *tunnel)
{
	if (--tunnel->holders == 0)
		free(tunnel);
}

static void on_timer_closed(uv_handle_t *handle)
{
	drop_holder(handle->data);
}

static void on_poll_closed(uv_handle_t *handle)
{
	drop_holder(((struct tunnel_side *)handle->data)->tunnel);
}

/* Always before the sockets are closed or handed back: a handle that is closed later would take the
 * next one's events away that has the same number. */
static void close_handles(struct tunnel *tunnel)
{
	if (uv_is_closing((uv_handle_t *)&tunnel->idle))
		return;
	uv_close((uv_handle_t *)&tunnel->idle, on_timer_closed);
	for (size_t i = 0; i < TUNNEL_SIDES; i++) {
		if (tunnel->sides[i].polled)
			uv_close((uv_handle_t *)&tunnel->sides[i].poll, on_poll_closed);
	}
}

static void close_side(struct tunnel_side *side, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	if (side->pipe)
		pipe_pool_give(side->tunnel->pipes, STEAL(side->pipe), side->piped == 0);
	side->piped = 0;
	if (side->fd < 0)
		return;
	if (reset)
		setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(STEAL_FD(side->fd));
}

static void close_all(struct tunnel *tunnel, bool reset)
{
	tunnel->state = TUNNEL_OVER;
	close_handles(tunnel);
	buf_done(&tunnel->said);
	for (size_t i = 0; i < TUNNEL_SIDES; i++)
		close_side(&tunnel->sides[i], reset);
}

void tunnel_end(struct tunnel *tunnel, const char *error)
{
	const struct tunnel_result result = {tunnel->sides[TUNNEL_GUEST].moved,
					     tunnel->sides[TUNNEL_SERVER].moved, error};

	close_all(tunnel, error != NULL);
	tunnel->owner.ended(tunnel->owner.ctx, &result);
}

void tunnel_end_broken(struct tunnel_side *side, int errnum)
{
	bool guest = tunnel_is_guest(side);

	if (errnum == ECONNRESET || errnum == EPIPE)
		tunnel_end(side->tunnel, guest ? "reset by the guest" : "reset by the server");
	else if (errnum == ETIMEDOUT)
		tunnel_end(side->tunnel, guest ? "the guest does not answer any more"
					       : "the server does not answer any more");
	else
		tunnel_end(side->tunnel, guest ? "the guest's connection broke"
					       : "the server's connection broke");
}

void tunnel_pause(struct tunnel *tunnel)
{
	tunnel->state = TUNNEL_STOPPED;
	for (size_t i = 0; i < TUNNEL_SIDES; i++)
		uv_poll_stop(&tunnel->sides[i].poll);
	uv_timer_stop(&tunnel->idle);
}

/* --- events --- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct tunnel_side *side)
{
	int events = 0;

	if (!side->ended && !tunnel_waits(side))
		events |= UV_READABLE;
	if (tunnel_waits(tunnel_other(side)))
		events |= UV_WRITABLE;
	if (events == 0)
		events = side->unusual;
	if (events == side->watched)
		return;
	side->watched = events;
	if (events == 0)
		uv_poll_stop(&side->poll);
	else
		uv_poll_start(&side->poll, events, on_ready);
}

/* Tells the other side that this one has ended, once it has all. */
static void pass_end(struct tunnel_side *side)
{
	if (!tunnel_runs(side->tunnel) || !side->ended || side->passed || tunnel_waits(side))
		return;
	if (tunnel_held(side) && side->tunnel->said.len > 0) {
		tunnel_end(side->tunnel, "the guest ended in the middle of what is inspected");
		return;
	}
	side->passed = true;
	if (shutdown(tunnel_other(side)->fd, SHUT_WR) < 0)
		tunnel_end_broken(tunnel_other(side), ECONNRESET);
}

static void settle(struct tunnel *tunnel)
{
	struct tunnel_side *guest = &tunnel->sides[TUNNEL_GUEST],
			   *server = &tunnel->sides[TUNNEL_SERVER];

	pass_end(guest);
	pass_end(server);
	if (!tunnel_runs(tunnel))
		return;
	if (guest->passed && server->passed) {
		tunnel_end(tunnel, NULL);
		return;
	}
	watch(guest);
	watch(server);
}

/* What came before the error still counts. */
static void on_error(struct tunnel_side *side)
{
	socklen_t size = sizeof(int);
	int errnum = 0;

	tunnel_pull(side);
	if (!tunnel_runs(side->tunnel))
		return;
	getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &errnum, &size);
	tunnel_end_broken(side, errnum);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct tunnel_side *side = poll->data;

	if (status < 0) {
		on_error(side);
		return;
	}
	side->unusual &= ~events;
	if ((events & UV_WRITABLE) && tunnel_waits(tunnel_other(side))) {
		tunnel_push(tunnel_other(side));
		tunnel_pull(tunnel_other(side));
	}
	if (events & UV_READABLE)
		tunnel_pull(side);
	settle(side->tunnel);
}

static void on_idle(uv_timer_t *timer)
{
	struct tunnel *tunnel = timer->data;
	uint64_t idle = uv_now(timer->loop) - tunnel->active_ms;

	if (idle >= tunnel->idle_ms)
		tunnel_end(tunnel, "no byte for too long");
	else
		uv_timer_start(timer, on_idle, tunnel->idle_ms - idle, 0);
}

/* --- open and close --- */

static int side_open(struct tunnel *tunnel, size_t which, int fd, struct err *err)
{
	struct tunnel_side *side = &tunnel->sides[which];
	const int yes = 1;
	int status = uv_poll_init(tunnel->idle.loop, &side->poll, fd);

	side->tunnel = tunnel;
	side->fd = fd;
	side->unusual = UNUSUAL;
	if (status < 0)
		return err_set(err, ERR_IO, "watch a connection: %s", uv_strerror(status));
	side->polled = true;
	side->poll.data = side;
	tunnel->holders++;
	/* Bytes go on as they came, when they came; those marked as urgent are not left out. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes));
	return 0;
}

static int begin(struct tunnel *tunnel, const struct tunnel_spec *spec, struct err *err)
{
	int guest = side_open(tunnel, TUNNEL_GUEST, spec->guest_fd, err);
	int server = side_open(tunnel, TUNNEL_SERVER, spec->server_fd, err);

	if (guest < 0 || server < 0)
		return -1;
	buf_put(&tunnel->said, spec->first.ptr, spec->first.len);
	return buf_check(&tunnel->said, "what the guest has said", err);
}

int tunnel_open(uv_loop_t *loop, const struct tunnel_spec *spec, const struct tunnel_owner *owner,
		struct tunnel **ret_tunnel, struct err *err)
{
	struct tunnel *tunnel = xcalloc(1, sizeof(*tunnel));

	assert(!owner->inspect || spec->first.len == 0);
	tunnel->said = (struct buf)BUF_INIT(LIMIT_TUNNEL_HELD);
	tunnel->owner = *owner;
	tunnel->state = owner->inspect ? TUNNEL_INSPECTED : TUNNEL_OPEN;
	tunnel->pipes = spec->pipes;
	tunnel->counters = spec->counters;
	tunnel->idle_ms = spec->idle_ms;
	tunnel->active_ms = uv_now(loop);
	uv_timer_init(loop, &tunnel->idle);
	tunnel->idle.data = tunnel;
	tunnel->holders = 2;
	if (begin(tunnel, spec, err) < 0) {
		tunnel_close(tunnel);
		return -1;
	}
	uv_timer_start(&tunnel->idle, on_idle, tunnel->idle_ms, 0);
	watch(&tunnel->sides[TUNNEL_GUEST]);
	watch(&tunnel->sides[TUNNEL_SERVER]);
	*ret_tunnel = tunnel;
	return 0;
}

int tunnel_take(struct tunnel *tunnel, int *ret_guest_fd, int *ret_server_fd, struct buf *first,
		struct err *err)
{
	struct tunnel_side *guest = &tunnel->sides[TUNNEL_GUEST],
			   *server = &tunnel->sides[TUNNEL_SERVER];

	assert(tunnel->state == TUNNEL_STOPPED);
	if (server->moved > 0 || server->ended || tunnel_waits(server))
		return err_set(err, ERR_CONFLICT, "the server spoke before it was asked");
	buf_put(first, tunnel->said.ptr, tunnel->said.len);
	if (buf_check(first, "what the guest has said", err) < 0)
		return -1;
	close_handles(tunnel);
	*ret_guest_fd = STEAL_FD(guest->fd);
	*ret_server_fd = STEAL_FD(server->fd);
	return 0;
}

void tunnel_count(const struct tunnel *tunnel, struct tunnel_result *ret_result)
{
	ret_result->sent = tunnel->sides[TUNNEL_GUEST].moved;
	ret_result->received = tunnel->sides[TUNNEL_SERVER].moved;
}

void tunnel_close(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	close_all(tunnel, true);
	drop_holder(tunnel);
}
