// SPDX-License-Identifier: MIT
/* One command (session.c) and all of them (session_set.c), as the two know each other. */
#pragma once

#include "guest/session.h"
#include "guest/session_io.h"
#include "guest/waiting.h"

#include <stdint.h>
#include <uv.h>

struct session_ends;

enum { SESSION_OUTPUTS = 2 };

struct session {
	struct session *next;
	struct session_set *set;
	unsigned id;
	struct mux_stream *stream; /* NULL once closed */
	bool started, exited;
	uint64_t asked_ns, started_ns, exited_ns; /* for the host's statistics */
	int wait_status;
	bool terminal;
	uint32_t grace_ms;
	uint64_t cancel_end; /* loop time of SIGKILL to a cancelled group */
	uint64_t tail_end; /* loop time after which the tail is not waited for; 0 = not yet known */
	uv_poll_t status;
	int status_fd;
	struct buf failure; /* a packed agent_failed; empty = none */
	uv_timer_t timer;   /* of the tail, or of the grace */
	struct session_input in;
	struct session_output out[SESSION_OUTPUTS];
	unsigned handles; /* that libuv still holds */
};

struct session_set {
	uv_loop_t *loop;
	struct channel *channel;
	struct container *container;
	struct session *first;
	unsigned last_id;
	struct session *waiter; /* of the process that waits; NULL: none */
	struct waiting waiting;
};

/* A session of the set, without a stream; takes our descriptors out of `ends`. */
struct session *session_new(struct session_set *set, unsigned id, struct session_ends *ends);

/* Ties it to the stream that asked for it. */
void session_attach(struct session *session, struct mux_stream *stream);

/* Its command has ended. */
void session_exited(struct session *session, int wait_status);

/* Lets go of all descriptors; the set forgets the session when its group is empty. */
void session_close_all(struct session *session);

/* Frees those of which nothing is left. */
void session_set_sweep(struct session_set *set);
