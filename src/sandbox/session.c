// SPDX-License-Identifier: MIT
/*
 * The host's end of an EXEC stream: see session.h.
 *
 * Happy path: OPEN, STARTED, data both ways, EXITED, CLOSE from the guest, CLOSE from us.
 * Failure modes: FAILED before STARTED gives the guest's reason; without EXITED or FAILED the
 * channel is gone, or the agent is not to be trusted any more.
 */
#include "sandbox/session.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <stdlib.h>

struct session {
	struct mux_stream *stream;
	const struct session_ops *ops;
	void *ctx;
	bool input_ended;
	bool has_result;
	struct session_result result;
};

static void lose(struct session *session, const struct err *err)
{
	session->has_result = true;
	session->result.exit_code = 1;
	session->result.err = *err;
}

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct session *session = ctx;
	struct agent_exited exited;
	struct agent_failed failed = {0};
	struct err err;

	switch (type) {
	case AGENT_STARTED:
		session->ops->started(session->ctx);
		return;
	case AGENT_EXITED:
		if (agent_exited_unpack(payload, &exited, &err) < 0) {
			lose(session, &err);
			return;
		}
		session->has_result = true;
		session->result.exit_code = (int)exited.code;
		return;
	case AGENT_FAILED:
		if (agent_failed_unpack(payload, &failed, &err) < 0) {
			lose(session, &err);
			return;
		}
		err_set_(&err, ERR_INVALID, "%s", failed.text);
		lose(session, &err);
		session->result.exit_code = (int)failed.exit_code;
		agent_failed_done(&failed);
		return;
	default:
		err_set_(&err, ERR_PROTOCOL, "unexpected message %u of the guest agent", type);
		lose(session, &err);
	}
}

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct session *session = ctx;

	session->ops->output(session->ctx, channel, bytes);
}

static void on_end(void *ctx, unsigned channel)
{
	(void)ctx;
	(void)channel; /* EXITED follows the end of both outputs: nothing to do before */
}

static void on_writable(void *ctx, unsigned channel)
{
	struct session *session = ctx;

	if (channel == 0)
		session->ops->input_ready(session->ctx);
}

static void on_closed(void *ctx)
{
	struct session *session = ctx;
	struct err err;

	if (!session->has_result) {
		session->result.lost = mux_is_ending(session->stream);
		err_set_(&err, ERR_PROTOCOL, "%s",
			 session->result.lost
				 ? "the connection to the guest agent was lost"
				 : "the guest agent gave the command up without a result");
		lose(session, &err);
	}
	mux_close(session->stream);
	session->ops->ended(session->ctx, &session->result);
	free(session);
}

static const struct mux_stream_ops stream_ops = {
	.data = on_data,
	.end = on_end,
	.message = on_message,
	.writable = on_writable,
	.closed = on_closed,
};

int session_open(struct mux *mux, const struct agent_exec *exec, const struct session_ops *ops,
		 void *ctx, struct session **ret_session, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	struct session *session;

	agent_exec_pack(&request, exec);
	if (buf_check(&request, "the command with its environment", err) < 0)
		return -1;
	session = xcalloc(1, sizeof(*session));
	session->ops = ops;
	session->ctx = ctx;
	if (mux_open(mux, AGENT_EXEC, (struct view){request.ptr, request.len}, &stream_ops, session,
		     &session->stream, err) < 0) {
		free(session);
		return -1;
	}
	*ret_session = session;
	return 0;
}

char *session_reserve(struct session *session, size_t *ret_room)
{
	return session->input_ended ? NULL : mux_reserve(session->stream, 0, ret_room);
}

void session_commit(struct session *session, size_t len)
{
	mux_commit(session->stream, 0, len);
}

void session_input_end(struct session *session)
{
	session->input_ended = true;
	mux_end(session->stream, 0);
}

void session_consumed(struct session *session, unsigned channel, size_t len)
{
	mux_consumed(session->stream, channel, len);
}

void session_signal(struct session *session, int signal)
{
	AUTO_BUF struct buf payload = BUF_INIT(64);

	agent_signal_pack(&payload, (uint32_t)signal);
	mux_message(session->stream, AGENT_SIGNAL, (struct view){payload.ptr, payload.len});
}

void session_resize(struct session *session, const struct agent_size *size)
{
	AUTO_BUF struct buf payload = BUF_INIT(64);

	agent_size_pack(&payload, size);
	mux_message(session->stream, AGENT_RESIZE, (struct view){payload.ptr, payload.len});
}

void session_cancel(struct session *session)
{
	mux_close(session->stream);
	free(session);
}
