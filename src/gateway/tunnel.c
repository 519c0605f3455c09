// SPDX-License-Identifier: MIT
/*
 * The tunnel: see tunnel.h.
 *
 * Happy path: a side that is readable is read into a buffer on the stack, which is written to the
 * other side at once; what that side does not take waits in `rest`, and until it is gone nothing
 * more is read.  So a connection that is idle holds no buffer.  A way that has carried a lot goes
 * on through a pipe (gateway/pipe_pool.h), which it gives back when it is empty.  The end of a side
 * is passed on when all before it was; after both ends the tunnel is over.
 * Failure modes: an error of one side resets the other, after what came before it was passed on as
 * far as the other side takes it at once.  So does the idle limit, and an inspection that ends in
 * the middle.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/tunnel.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/pipe_pool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { GUEST, SERVER, SIDES };

enum {
	CHUNK = 64 * 1024,
	TURN = 1024 * 1024,	   /* bytes of one side before others have their turn */
	SPLICE_AFTER = 256 * 1024, /* bytes of one side that make it worth a pipe */
	/* What shows the errors of a side that is neither read nor written at the moment. */
	UNUSUAL = UV_DISCONNECT | UV_PRIORITIZED,
};

/* One socket, and the bytes that come from it. */
struct side {
	struct tunnel *tunnel;
	uv_poll_t poll;
	bool polled; /* `poll` is there */
	int fd;
	int watched;	 /* the events that `poll` waits for */
	int unusual;	 /* of UNUSUAL, those that have not come yet: they stay when they come */
	bool ended;	 /* it has said its last byte */
	bool passed;	 /* and the other side was told */
	struct buf rest; /* read, and not yet written to the other side */
	struct pipe_pair *pipe; /* NULL: none */
	size_t piped;		/* bytes in it */
	uint64_t moved;		/* bytes written to the other side */
};

enum state {
	STATE_INSPECTED, /* the guest's bytes stay in `rest` until a verdict */
	STATE_OPEN,
	STATE_STOPPED, /* by a verdict */
	STATE_OVER,
};

struct tunnel {
	struct side sides[SIDES];
	uv_timer_t idle;
	uint64_t idle_ms, active_ms; /* the limit; when a byte moved last */
	enum state state;
	unsigned holders; /* libuv's handles and the owner */
	struct tunnel_owner owner;
	struct pipe_pool *pipes;
	struct counters *counters;
};

static bool is_guest(const struct side *side)
{
	return side == &side->tunnel->sides[GUEST];
}

static struct side *other(const struct side *side)
{
	return &side->tunnel->sides[is_guest(side) ? SERVER : GUEST];
}

static bool runs(const struct tunnel *tunnel)
{
	return tunnel->state == STATE_INSPECTED || tunnel->state == STATE_OPEN;
}

static bool held(const struct side *side)
{
	return side->tunnel->state == STATE_INSPECTED && is_guest(side);
}

/* Has the other side still to take some of it? */
static bool waits(const struct side *side)
{
	return !held(side) && (side->rest.len > 0 || side->piped > 0);
}

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
	drop_holder(((struct side *)handle->data)->tunnel);
}

/* Always before the sockets are closed or handed back: a handle that is closed later would take the
 * next one's events away that has the same number. */
static void close_handles(struct tunnel *tunnel)
{
	if (uv_is_closing((uv_handle_t *)&tunnel->idle))
		return;
	uv_close((uv_handle_t *)&tunnel->idle, on_timer_closed);
	for (size_t i = 0; i < SIDES; i++) {
		if (tunnel->sides[i].polled)
			uv_close((uv_handle_t *)&tunnel->sides[i].poll, on_poll_closed);
	}
}

static void close_side(struct side *side, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	buf_done(&side->rest);
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
	tunnel->state = STATE_OVER;
	close_handles(tunnel);
	for (size_t i = 0; i < SIDES; i++)
		close_side(&tunnel->sides[i], reset);
}

/* `error`: NULL after both sides have ended in order. */
static void end(struct tunnel *tunnel, const char *error)
{
	const struct tunnel_result result = {tunnel->sides[GUEST].moved,
					     tunnel->sides[SERVER].moved, error};

	close_all(tunnel, error != NULL);
	tunnel->owner.ended(tunnel->owner.ctx, &result);
}

static void end_broken(struct side *side, int errnum)
{
	bool guest = is_guest(side);

	if (errnum == ECONNRESET || errnum == EPIPE)
		end(side->tunnel, guest ? "reset by the guest" : "reset by the server");
	else if (errnum == ETIMEDOUT)
		end(side->tunnel, guest ? "the guest does not answer any more"
					: "the server does not answer any more");
	else
		end(side->tunnel,
		    guest ? "the guest's connection broke" : "the server's connection broke");
}

/* --- bytes --- */

static void count(struct side *side, size_t len)
{
	struct tunnel *tunnel = side->tunnel;

	side->moved += len;
	if (is_guest(side))
		tunnel->counters->sent += len;
	else
		tunnel->counters->received += len;
	tunnel->active_ms = uv_now(tunnel->idle.loop);
}

/* Writes this side's bytes to the other one, as many as that takes; -1: it is over. */
static ssize_t write_on(struct side *side, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = send(other(side)->fd, bytes.ptr + done, bytes.len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			end_broken(other(side), errno);
			return -1;
		}
		done += (size_t)n;
	}
	if (done > 0)
		count(side, done);
	return (ssize_t)done;
}

static void push_rest(struct side *side)
{
	ssize_t done = write_on(side, (struct view){side->rest.ptr, side->rest.len});

	if (done < 0)
		return;
	buf_consume(&side->rest, (size_t)done);
	if (side->rest.len == 0)
		buf_done(&side->rest);
}

/* Asks the owner about all that the guest has said. */
static void inspect(struct side *guest, struct view bytes)
{
	struct tunnel *tunnel = guest->tunnel;
	enum tunnel_verdict verdict;

	buf_put(&guest->rest, bytes.ptr, bytes.len);
	if (guest->rest.failed) {
		end(tunnel, "the guest says more than is inspected");
		return;
	}
	tunnel->active_ms = uv_now(tunnel->idle.loop);
	verdict = tunnel->owner.inspect(tunnel->owner.ctx,
					(struct view){guest->rest.ptr, guest->rest.len});
	if (tunnel->state != STATE_INSPECTED || verdict == TUNNEL_MORE)
		return;
	if (verdict == TUNNEL_PASS) {
		tunnel->state = STATE_OPEN;
		push_rest(guest);
		return;
	}
	tunnel->state = STATE_STOPPED;
	for (size_t i = 0; i < SIDES; i++)
		uv_poll_stop(&tunnel->sides[i].poll);
	uv_timer_stop(&tunnel->idle);
}

static void pass_on(struct side *side, struct view bytes)
{
	ssize_t done = write_on(side, bytes);

	if (done >= 0)
		buf_put(&side->rest, bytes.ptr + done, bytes.len - (size_t)done);
}

/* Reads once and passes it on; how many bytes there were. */
static size_t copy(struct side *side)
{
	char chunk[CHUNK];
	ssize_t len = recv(side->fd, chunk, sizeof(chunk), 0);
	struct view bytes = {chunk, len > 0 ? (size_t)len : 0};

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		end_broken(side, errno);
	else if (len == 0)
		side->ended = true;
	else if (len > 0 && held(side))
		inspect(side, bytes);
	else if (len > 0)
		pass_on(side, bytes);
	return bytes.len;
}

static void push_piped(struct side *side)
{
	while (side->piped > 0) {
		ssize_t n = splice(side->pipe->read_fd, NULL, other(side)->fd, NULL, side->piped,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end_broken(other(side), n < 0 ? errno : EIO);
			return;
		}
		side->piped -= (size_t)n;
		count(side, (size_t)n);
	}
}

/* The same as copy() by a pipe.  0 also where only copy() can tell: at the end, at an error, and
 * before urgent data, which splice() does not pass. */
static size_t copy_piped(struct side *side)
{
	ssize_t n;

	if (side->moved < SPLICE_AFTER || !side->tunnel->pipes)
		return 0;
	if (!side->pipe)
		side->pipe = pipe_pool_take(side->tunnel->pipes);
	if (!side->pipe)
		return 0;
	n = splice(side->fd, NULL, side->pipe->write_fd, NULL, TURN,
		   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n <= 0)
		return 0;
	side->piped = (size_t)n;
	push_piped(side);
	return (size_t)n;
}

/* Reads and passes on what there is, for one turn. */
static void pull(struct side *side)
{
	size_t budget = TURN;

	while (budget > 0 && runs(side->tunnel) && !side->ended && !waits(side)) {
		size_t len = copy_piped(side);
		bool copied = len == 0;

		if (copied)
			len = copy(side);
		if (copied && len < CHUNK)
			break;
		budget -= MIN(len, budget);
	}
	if (side->pipe && side->piped == 0)
		pipe_pool_give(side->tunnel->pipes, STEAL(side->pipe), true);
}

static void push(struct side *side)
{
	if (side->piped > 0)
		push_piped(side);
	else
		push_rest(side);
}

/* --- events --- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct side *side)
{
	int events = 0;

	if (!side->ended && !waits(side))
		events |= UV_READABLE;
	if (waits(other(side)))
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
static void pass_end(struct side *side)
{
	if (!runs(side->tunnel) || !side->ended || side->passed || waits(side))
		return;
	if (held(side) && side->rest.len > 0) {
		end(side->tunnel, "the guest ended in the middle of what is inspected");
		return;
	}
	side->passed = true;
	if (shutdown(other(side)->fd, SHUT_WR) < 0)
		end_broken(other(side), ECONNRESET);
}

static void settle(struct tunnel *tunnel)
{
	struct side *guest = &tunnel->sides[GUEST], *server = &tunnel->sides[SERVER];

	pass_end(guest);
	pass_end(server);
	if (!runs(tunnel))
		return;
	if (guest->passed && server->passed) {
		end(tunnel, NULL);
		return;
	}
	watch(guest);
	watch(server);
}

/* What came before the error still counts. */
static void on_error(struct side *side)
{
	socklen_t size = sizeof(int);
	int errnum = 0;

	pull(side);
	if (!runs(side->tunnel))
		return;
	getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &errnum, &size);
	end_broken(side, errnum);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct side *side = poll->data;

	if (status < 0) {
		on_error(side);
		return;
	}
	side->unusual &= ~events;
	if ((events & UV_WRITABLE) && waits(other(side))) {
		push(other(side));
		pull(other(side));
	}
	if (events & UV_READABLE)
		pull(side);
	settle(side->tunnel);
}

static void on_idle(uv_timer_t *timer)
{
	struct tunnel *tunnel = timer->data;
	uint64_t idle = uv_now(timer->loop) - tunnel->active_ms;

	if (idle >= tunnel->idle_ms)
		end(tunnel, "no byte for too long");
	else
		uv_timer_start(timer, on_idle, tunnel->idle_ms - idle, 0);
}

/* --- open and close --- */

static int side_open(struct tunnel *tunnel, size_t which, int fd, struct err *err)
{
	struct side *side = &tunnel->sides[which];
	const int yes = 1;
	int status = uv_poll_init(tunnel->idle.loop, &side->poll, fd);

	side->tunnel = tunnel;
	side->fd = fd;
	side->unusual = UNUSUAL;
	side->rest = (struct buf)BUF_INIT(LIMIT_TUNNEL_HELD);
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
	struct buf *rest = &tunnel->sides[GUEST].rest;
	int guest = side_open(tunnel, GUEST, spec->guest_fd, err);
	int server = side_open(tunnel, SERVER, spec->server_fd, err);

	if (guest < 0 || server < 0)
		return -1;
	buf_put(rest, spec->first.ptr, spec->first.len);
	return buf_check(rest, "what the guest has said", err);
}

int tunnel_open(uv_loop_t *loop, const struct tunnel_spec *spec, const struct tunnel_owner *owner,
		struct tunnel **ret_tunnel, struct err *err)
{
	struct tunnel *tunnel = xcalloc(1, sizeof(*tunnel));

	assert(!owner->inspect || spec->first.len == 0);
	tunnel->owner = *owner;
	tunnel->state = owner->inspect ? STATE_INSPECTED : STATE_OPEN;
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
	watch(&tunnel->sides[GUEST]);
	watch(&tunnel->sides[SERVER]);
	*ret_tunnel = tunnel;
	return 0;
}

int tunnel_take(struct tunnel *tunnel, int *ret_guest_fd, int *ret_server_fd, struct buf *first,
		struct err *err)
{
	struct side *guest = &tunnel->sides[GUEST], *server = &tunnel->sides[SERVER];

	assert(tunnel->state == STATE_STOPPED);
	if (server->moved > 0 || server->ended || waits(server))
		return err_set(err, ERR_CONFLICT, "the server spoke before it was asked");
	buf_put(first, guest->rest.ptr, guest->rest.len);
	if (buf_check(first, "what the guest has said", err) < 0)
		return -1;
	close_handles(tunnel);
	*ret_guest_fd = STEAL_FD(guest->fd);
	*ret_server_fd = STEAL_FD(server->fd);
	return 0;
}

void tunnel_close(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	close_all(tunnel, true);
	drop_holder(tunnel);
}
