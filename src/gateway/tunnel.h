// SPDX-License-Identifier: MIT
/*
 * Bytes both ways between the guest's connection and a server's, unseen: no faster than the slower
 * side takes them, each direction ends by itself, a reset goes through.
 *
 * It may begin with an inspection: what the guest says first is shown to the owner before any of it
 * goes on, while the server's bytes (it may be the one who speaks first) already pass.
 *
 * The process must ignore SIGPIPE: splice() has no other way to get an error instead.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/counters.h"

#include <stdint.h>
#include <uv.h>

struct pipe_pool;
struct tunnel;

enum tunnel_verdict { TUNNEL_MORE, TUNNEL_PASS, TUNNEL_STOP };

struct tunnel_result {
	uint64_t sent, received; /* bytes of the guest to the server, and back: what was passed */
	const char *error;	 /* NULL: both sides ended in order */
};

struct tunnel_owner {
	/* All bytes of the guest so far, again with each new one.  After STOP the tunnel does
	 * nothing more: tunnel_take() or tunnel_close() is to follow, the former not from in here.
	 * A deadline is the owner's.  NULL: no inspection. */
	enum tunnel_verdict (*inspect)(void *ctx, struct view bytes);
	/* Both sockets are done with.  Called once; close the tunnel then. */
	void (*ended)(void *ctx, const struct tunnel_result *result);
	void *ctx;
};

struct tunnel_spec {
	int guest_fd, server_fd; /* connected, non-blocking; taken over */
	/* From the guest, read already: goes to the server first; copied.  At most
	 * LIMIT_TUNNEL_HELD; none where there is an inspection. */
	struct view first;
	uint64_t idle_ms;	 /* without a byte either way until it is cut */
	struct pipe_pool *pipes; /* NULL: none; slower for a lot of bytes */
	struct counters *counters;
};

int tunnel_open(uv_loop_t *loop, const struct tunnel_spec *spec, const struct tunnel_owner *owner,
		struct tunnel **ret_tunnel, struct err *err);

/* After STOP: hands the sockets and the guest's bytes (appended to `first`) back; only
 * tunnel_close() may follow.  ERR_CONFLICT when the server has spoken or ended already: then the
 * sockets stay, and go with the tunnel. */
int tunnel_take(struct tunnel *tunnel, int *ret_guest_fd, int *ret_server_fd, struct buf *first,
		struct err *err);

/* What was passed so far; `error` stays as it is. */
void tunnel_count(const struct tunnel *tunnel, struct tunnel_result *ret_result);

/* Resets what is still open on both sides; frees itself when libuv has let go.  NULL is allowed. */
void tunnel_close(struct tunnel *tunnel);
