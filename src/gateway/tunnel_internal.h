// SPDX-License-Identifier: MIT
/* A tunnel's two sides: shared by its life (tunnel.c) and the passing of bytes (tunnel_bytes.c). */
#pragma once

#include "base/buf.h"
#include "gateway/pipe_pool.h"
#include "gateway/tunnel.h"

#include <stdbool.h>

enum { TUNNEL_GUEST, TUNNEL_SERVER, TUNNEL_SIDES };

/* One socket, and the bytes that come from it. */
struct tunnel_side {
	struct tunnel *tunnel;
	uv_poll_t poll;
	bool polled; /* `poll` is there */
	int fd;
	int watched; /* the events that `poll` waits for */
	int unusual; /* those that show an error and have not come yet: they stay */
	bool ended;  /* it has said its last byte */
	bool passed; /* and the other side was told */
	bool stuck;  /* the other side takes no more: the rest stays in this one's socket */
	struct pipe_pair *pipe; /* NULL: none */
	size_t piped;		/* bytes in it */
	uint64_t moved;		/* bytes written to the other side */
};

enum tunnel_state {
	TUNNEL_INSPECTED, /* the guest's bytes stay in `said` until a verdict */
	TUNNEL_OPEN,
	TUNNEL_STOPPED, /* by a verdict */
	TUNNEL_OVER,
};

struct tunnel {
	struct tunnel_side sides[TUNNEL_SIDES];
	struct buf
		said; /* by the guest, read and kept: to be inspected, or to be passed on first */
	uv_timer_t idle;
	uint64_t idle_ms, active_ms; /* the limit; when a byte moved last */
	enum tunnel_state state;
	unsigned holders; /* libuv's handles and the owner */
	struct tunnel_owner owner;
	struct pipe_pool *pipes;
	struct counters *counters;
};

static inline bool tunnel_is_guest(const struct tunnel_side *side)
{
	return side == &side->tunnel->sides[TUNNEL_GUEST];
}

static inline struct tunnel_side *tunnel_other(const struct tunnel_side *side)
{
	return &side->tunnel->sides[tunnel_is_guest(side) ? TUNNEL_SERVER : TUNNEL_GUEST];
}

static inline bool tunnel_runs(const struct tunnel *tunnel)
{
	return tunnel->state == TUNNEL_INSPECTED || tunnel->state == TUNNEL_OPEN;
}

static inline bool tunnel_held(const struct tunnel_side *side)
{
	return side->tunnel->state == TUNNEL_INSPECTED && tunnel_is_guest(side);
}

/* Has the other side still to take some of it? */
static inline bool tunnel_waits(const struct tunnel_side *side)
{
	bool said = tunnel_is_guest(side) && side->tunnel->said.len > 0;

	return side->stuck || side->piped > 0 || (said && !tunnel_held(side));
}

/* Reads and passes on what there is, for one turn. */
void tunnel_pull(struct tunnel_side *side);
/* Passes on more of what waits. */
void tunnel_push(struct tunnel_side *side);

/* It is over; the owner is told.  `error`: NULL after both sides have ended in order. */
void tunnel_end(struct tunnel *tunnel, const char *error);
/* The same when `side` is what broke. */
void tunnel_end_broken(struct tunnel_side *side, int errnum);
/* After a verdict to stop: nothing happens any more. */
void tunnel_pause(struct tunnel *tunnel);
