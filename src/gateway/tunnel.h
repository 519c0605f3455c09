// SPDX-License-Identifier: MIT
/*
 * Bytes both ways between the guest's connection and a server's, unseen: no faster than the slower
 * side takes them, each direction ends by itself, a reset goes through.
 *
 * It may begin with an inspection: what the guest says first is shown to the owner before any of it
 * goes on, while the server's bytes (it may be the one who speaks first) already pass.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/counters.h"

#include <stdint.h>
#include <uv.h>

struct tunnel;

enum tunnel_verdict { TUNNEL_MORE, TUNNEL_PASS, TUNNEL_STOP };

struct tunnel_result {
	uint64_t sent, received; /* bytes from and to the guest */
	const char *error;	 /* NULL: both sides ended in order */
};

struct tunnel_owner {
	/* All bytes of the guest so far, again with each new one.  STOP: the tunnel does nothing
	 * more; the owner calls tunnel_take() or tunnel_close(), now or later.  NULL: no
	 * inspection. */
	enum tunnel_verdict (*inspect)(void *ctx, struct view bytes);
	/* Both sockets are done with.  Called once; close the tunnel then. */
	void (*ended)(void *ctx, const struct tunnel_result *result);
	void *ctx;
};

struct tunnel_spec {
	int guest_fd, server_fd; /* connected, non-blocking; taken over */
	struct view first; /* from the guest, read already: goes to the server first; copied */
	uint64_t idle_ms;  /* without a byte either way until it is cut */
	struct counters *counters;
};

int tunnel_open(uv_loop_t *loop, const struct tunnel_spec *spec, const struct tunnel_owner *owner,
		struct tunnel **ret_tunnel, struct err *err);

/* After STOP: hands the sockets and the guest's bytes (appended to `first`) back; only
 * tunnel_close() may follow.  ERR_CONFLICT when a byte of the server is still on its way to the
 * guest: then the sockets stay, and go with the tunnel. */
int tunnel_take(struct tunnel *tunnel, int *ret_guest_fd, int *ret_server_fd, struct buf *first,
		struct err *err);

/* Resets what is still open on both sides; frees itself when libuv has let go.  NULL is allowed. */
void tunnel_close(struct tunnel *tunnel);
