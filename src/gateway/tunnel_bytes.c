// SPDX-License-Identifier: MIT
/*
 * How a tunnel's bytes pass: see tunnel_internal.h.
 *
 * Happy path: a side is peeked into a buffer on the stack, which is written to the other side at
 * once; as many bytes as that took are then dropped from the first one's socket.  So nothing is
 * held here, neither of an idle connection nor of one whose receiver is slow.  A way that has
 * carried a lot goes on through a pipe (gateway/pipe_pool.h), which it gives back when it is empty.
 * Failure modes: any error ends the tunnel; who calls asks tunnel_runs() afterwards.
 */
#include "gateway/tunnel_internal.h"

#include "base/attr.h"
#include "base/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum {
	CHUNK = 128 * 1024,
	TURN = 1024 * 1024,	   /* bytes of one side before others have their turn */
	SPLICE_AFTER = 256 * 1024, /* bytes of one side that make it worth a pipe */
};

static void count(struct tunnel_side *side, size_t len)
{
	struct tunnel *tunnel = side->tunnel;

	side->moved += len;
	if (tunnel_is_guest(side))
		tunnel->counters->sent += len;
	else
		tunnel->counters->received += len;
	tunnel->active_ms = uv_now(tunnel->idle.loop);
}

/* Writes this side's bytes to the other one, as many as that takes; -1: it is over. */
static ssize_t write_on(struct tunnel_side *side, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = send(tunnel_other(side)->fd, bytes.ptr + done, bytes.len - done,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			tunnel_end_broken(tunnel_other(side), errno);
			return -1;
		}
		done += (size_t)n;
	}
	if (done > 0)
		count(side, done);
	return (ssize_t)done;
}

static void push_said(struct tunnel *tunnel)
{
	struct tunnel_side *guest = &tunnel->sides[TUNNEL_GUEST];
	ssize_t done = write_on(guest, (struct view){tunnel->said.ptr, tunnel->said.len});

	if (done < 0)
		return;
	buf_consume(&tunnel->said, (size_t)done);
	if (tunnel->said.len == 0)
		buf_done(&tunnel->said);
}

/* Asks the owner about all that the guest has said. */
static void inspect(struct tunnel *tunnel, struct view bytes)
{
	enum tunnel_verdict verdict;

	buf_put(&tunnel->said, bytes.ptr, bytes.len);
	if (tunnel->said.failed) {
		tunnel_end(tunnel, "the guest says more than is inspected");
		return;
	}
	tunnel->active_ms = uv_now(tunnel->idle.loop);
	verdict = tunnel->owner.inspect(tunnel->owner.ctx,
					(struct view){tunnel->said.ptr, tunnel->said.len});
	if (tunnel->state != TUNNEL_INSPECTED || verdict == TUNNEL_MORE)
		return;
	if (verdict == TUNNEL_STOP) {
		tunnel_pause(tunnel);
		return;
	}
	tunnel->state = TUNNEL_OPEN;
	push_said(tunnel);
}

/* Passes on `bytes`, which are still in the side's socket. */
static void pass_on(struct tunnel_side *side, struct view bytes)
{
	ssize_t done = write_on(side, bytes);

	if (done > 0 && recv(side->fd, NULL, (size_t)done, MSG_TRUNC) != done)
		tunnel_end_broken(side, EIO);
	side->stuck = done < (ssize_t)bytes.len;
}

/* Reads once and passes it on; how many bytes there were. */
static size_t copy(struct tunnel_side *side)
{
	char chunk[CHUNK];
	bool held = tunnel_held(side);
	ssize_t len = recv(side->fd, chunk, sizeof(chunk), held ? 0 : MSG_PEEK);
	struct view bytes = {chunk, len > 0 ? (size_t)len : 0};

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		tunnel_end_broken(side, errno);
	else if (len == 0)
		side->ended = true;
	else if (len > 0 && held)
		inspect(side->tunnel, bytes);
	else if (len > 0)
		pass_on(side, bytes);
	return bytes.len;
}

static void push_piped(struct tunnel_side *side)
{
	while (side->piped > 0) {
		ssize_t n = splice(side->pipe->read_fd, NULL, tunnel_other(side)->fd, NULL,
				   side->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			tunnel_end_broken(tunnel_other(side), n < 0 ? errno : EIO);
			return;
		}
		side->piped -= (size_t)n;
		count(side, (size_t)n);
	}
}

/* The same as copy() by a pipe.  0 also where only copy() can tell: at the end, at an error, and
 * before urgent data, which splice() does not pass. */
static size_t copy_piped(struct tunnel_side *side)
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

void tunnel_pull(struct tunnel_side *side)
{
	size_t budget = TURN;

	while (budget > 0 && tunnel_runs(side->tunnel) && !side->ended && !tunnel_waits(side)) {
		size_t len = copy_piped(side);

		if (len == 0)
			len = copy(side);
		if (len < CHUNK) /* there is hardly more: libuv tells */
			break;
		budget -= MIN(len, budget);
	}
	if (side->pipe && side->piped == 0)
		pipe_pool_give(side->tunnel->pipes, STEAL(side->pipe), true);
}

void tunnel_push(struct tunnel_side *side)
{
	side->stuck = false;
	if (side->piped > 0)
		push_piped(side);
	else if (tunnel_waits(side))
		push_said(side->tunnel);
}
