// SPDX-License-Identifier: MIT
/*
 * The dial: see dial.h.
 *
 * Happy path: the timer starts the first attempt; the first socket that becomes writable without an
 * error wins, all others are closed, the owner is told.  One timer serves all moments: the next
 * attempt, the end of one.  So the last one ends LIMIT_DIAL_ADDRESSES quarters of a second after
 * LIMIT_DIAL_ADDRESS_MS at the latest.
 * Failure modes: what an attempt failed of is kept, and all of it told when the last one has
 * failed. Close: one callback a handle is counted; the last frees.
 */
#include "gateway/dial.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum { NEXT_MS = 250 };

struct attempt {
	struct dial *dial;
	struct ip ip;
	int fd; /* -1: not begun, or failed */
	int errnum;
	uint64_t end_ms;
	uv_poll_t poll;
};

struct dial {
	uv_timer_t timer;
	size_t count, begun;
	uint16_t port;
	uint64_t next_ms; /* when the next attempt begins */
	unsigned handles;
	dial_done_fn *done;
	void *ctx;
	struct attempt attempts[]; /* `count` */
};

/* Takes `dial->count` of them: alternates the families, which stay in their order otherwise, and
 * begins with the first one's. */
static void interleave(const struct ip *ips, size_t count, struct dial *dial)
{
	size_t next[2] = {0, 0}; /* of IPv6, of IPv4 */
	bool v4 = count > 0 && ip_is_v4(&ips[0]);

	for (size_t done = 0; done < dial->count; v4 = !v4) {
		size_t *at = &next[v4];

		while (*at < count && ip_is_v4(&ips[*at]) != v4)
			(*at)++;
		if (*at < count)
			dial->attempts[done++] =
				(struct attempt){.dial = dial, .fd = -1, .ip = ips[(*at)++]};
	}
}

/* --- the end --- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct dial *dial = handle->data;

	if (--dial->handles == 0)
		free(dial);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct attempt *attempt = handle->data;

	if (--attempt->dial->handles == 0)
		free(attempt->dial);
}

static void attempt_close(struct attempt *attempt)
{
	if (attempt->fd < 0)
		return;
	uv_close((uv_handle_t *)&attempt->poll, on_poll_closed);
	close(STEAL_FD(attempt->fd));
}

void dial_cancel(struct dial *dial)
{
	for (size_t i = 0; i < dial->begun; i++)
		attempt_close(&dial->attempts[i]);
	uv_close((uv_handle_t *)&dial->timer, on_timer_closed);
}

static void succeed(struct attempt *attempt)
{
	struct dial *dial = attempt->dial;
	int fd = STEAL_FD(attempt->fd);

	uv_close((uv_handle_t *)&attempt->poll, on_poll_closed);
	dial_cancel(dial);
	dial->done(dial->ctx, fd, &attempt->ip, NULL);
}

static void describe(const struct dial *dial, struct err *ret_why)
{
	AUTO_BUF struct buf text = BUF_INIT(sizeof(ret_why->msg) - 1);
	bool timed_out = dial->begun > 0;
	char ip[IP_TEXT];

	for (size_t i = 0; i < dial->begun; i++) {
		const struct attempt *attempt = &dial->attempts[i];

		ip_format(&attempt->ip, ip);
		buf_printf(&text, "%s%s (%s)", i == 0 ? "" : ", ", ip, strerror(attempt->errnum));
		timed_out &= attempt->errnum == ETIMEDOUT;
	}
	err_set_(ret_why, timed_out ? ERR_TIMEOUT : ERR_IO, "connect to port %u of %s", dial->port,
		 dial->count == 0 ? "no address" : text.ptr);
	ret_why->sys = dial->begun > 0 ? dial->attempts[0].errnum : 0;
}

static void fail(struct dial *dial)
{
	struct err why;

	describe(dial, &why);
	dial_cancel(dial);
	dial->done(dial->ctx, -1, NULL, &why);
}

/* --- attempts --- */

static void step(struct dial *dial);

static void attempt_failed(struct attempt *attempt, int errnum)
{
	attempt_close(attempt);
	attempt->errnum = errnum;
	attempt->dial->next_ms = uv_now(attempt->dial->timer.loop);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct attempt *attempt = poll->data;
	socklen_t size = sizeof(int);
	int errnum = 0;

	(void)events;
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0)
		errnum = errno;
	if (errnum == 0 && status == 0) {
		succeed(attempt);
		return;
	}
	attempt_failed(attempt, errnum ? errnum : EIO);
	step(attempt->dial);
}

static int connect_to(int fd, const struct ip *ip, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (!ip_is_v4(ip)) {
		memcpy(&v6.sin6_addr, ip->bytes, sizeof(v6.sin6_addr));
		return connect(fd, (struct sockaddr *)&v6, sizeof(v6));
	}
	memcpy(&v4.sin_addr, ip->bytes + sizeof(ip->bytes) - sizeof(v4.sin_addr),
	       sizeof(v4.sin_addr));
	return connect(fd, (struct sockaddr *)&v4, sizeof(v4));
}

/* 0, or the errno. */
static int attempt_begin(struct attempt *attempt)
{
	struct dial *dial = attempt->dial;
	int family = ip_is_v4(&attempt->ip) ? AF_INET : AF_INET6;
	AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1;

	if (fd < 0)
		return errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect_to(fd, &attempt->ip, dial->port) < 0 && errno != EINPROGRESS)
		return errno;
	if (uv_poll_init(dial->timer.loop, &attempt->poll, fd) < 0)
		return EIO;
	dial->handles++;
	attempt->poll.data = attempt;
	attempt->fd = STEAL_FD(fd);
	uv_poll_start(&attempt->poll, UV_WRITABLE, on_answer);
	return 0;
}

static void begin_next(struct dial *dial, uint64_t now)
{
	struct attempt *attempt = &dial->attempts[dial->begun++];
	int errnum = attempt_begin(attempt);

	attempt->end_ms = now + LIMIT_DIAL_ADDRESS_MS;
	dial->next_ms = errnum == 0 ? now + NEXT_MS : now;
	attempt->errnum = errnum;
}

static void end_late(struct dial *dial, uint64_t now)
{
	for (size_t i = 0; i < dial->begun; i++) {
		struct attempt *attempt = &dial->attempts[i];

		if (attempt->fd >= 0 && now >= attempt->end_ms)
			attempt_failed(attempt, ETIMEDOUT);
	}
}

/* When there is something to do without an answer; 0: never, since no attempt goes on. */
static uint64_t next_moment(const struct dial *dial)
{
	uint64_t next = UINT64_MAX;
	size_t running = 0;

	for (size_t i = 0; i < dial->begun; i++) {
		if (dial->attempts[i].fd < 0)
			continue;
		next = MIN(next, dial->attempts[i].end_ms);
		running++;
	}
	if (dial->begun < dial->count)
		next = MIN(next, dial->next_ms);
	return running > 0 ? next : 0;
}

static void on_timer(uv_timer_t *timer)
{
	step(timer->data);
}

/* Does what is due. */
static void step(struct dial *dial)
{
	uint64_t now = uv_now(dial->timer.loop), next;

	end_late(dial, now);
	while (dial->begun < dial->count && now >= dial->next_ms)
		begin_next(dial, now);
	next = next_moment(dial);
	if (next == 0)
		fail(dial);
	else
		uv_timer_start(&dial->timer, on_timer, next - now, 0);
}

struct dial *dial_start(uv_loop_t *loop, const struct ip *ips, size_t count, uint16_t port,
			dial_done_fn *done, void *ctx)
{
	size_t tried = MIN(count, LIMIT_DIAL_ADDRESSES);
	struct dial *dial = xcalloc(1, sizeof(*dial) + tried * sizeof(*dial->attempts));

	dial->count = tried;
	interleave(ips, count, dial);
	dial->port = port;
	dial->done = done;
	dial->ctx = ctx;
	uv_timer_init(loop, &dial->timer);
	dial->timer.data = dial;
	dial->handles = 1;
	uv_timer_start(&dial->timer, on_timer, 0, 0);
	return dial;
}
