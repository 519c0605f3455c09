// SPDX-License-Identifier: MIT
/*
 * One command in the guest, seen from the host: an EXEC stream of the agent.  Where its bytes come
 * from and go to is the owner's business (sandbox/relay.h ties it to descriptors).
 *
 * In order: `started` (or `ended` with the reason at once), `output` as it comes, `ended` once,
 * last. After `ended` the session is gone.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "wire/agent.h"
#include "wire/mux.h"

struct session;

/* Between SIGTERM and SIGKILL for a command that is given up. */
enum { SESSION_CANCEL_GRACE_MS = 5000 };

struct session_result {
	int exit_code;	/* 0..255: of the command, or of the failure to start it */
	struct err err; /* ERR_NONE when the command ran; else why it did not */
	bool lost;	/* the channel broke: the end of the VM, which follows, has the reason */
};

struct session_ops {
	void (*started)(void *ctx);
	/* Bytes of channel 1 (stdout) or 2 (stderr); call session_consumed() when passed on. */
	void (*output)(void *ctx, unsigned channel, struct view bytes);
	/* There is room for input again. */
	void (*input_ready)(void *ctx);
	void (*ended)(void *ctx, const struct session_result *result);
};

int session_open(struct mux *mux, const struct agent_exec *exec, const struct session_ops *ops,
		 void *ctx, struct session **ret_session, struct err *err);

/* Room for input, filled by the caller and then committed; NULL: wait for `input_ready`. */
char *session_reserve(struct session *session, size_t *ret_room);
void session_commit(struct session *session, size_t len);
void session_input_end(struct session *session);

void session_consumed(struct session *session, unsigned channel, size_t len);
void session_signal(struct session *session, int signal);
void session_resize(struct session *session, const struct agent_size *size);

/* Gives the command up: the guest ends its whole tree.  Frees the session; no callback follows. */
void session_cancel(struct session *session);
