// SPDX-License-Identifier: MIT
/*
 * One session: see session.h; how it begins is in session_set.c.
 *
 * Happy path: the command's status descriptor closes: STARTED, output flows; the init reports its
 * end and the output meets its end: END, EXITED, CLOSE.
 *
 * A process that was left behind may hold the output open.  So after the command's end only what it
 * had written by then is waited for, then TAIL_QUIET_MS without a byte, and TAIL_MAX_MS in all.
 *
 * Cancelled (the host closed the stream): SIGTERM to the whole group (SIGHUP too where its terminal
 * is gone), output is thrown away, SIGKILL to the group after the grace.
 *
 * Failure modes: the command cannot be started: FAILED with what its child says, when that has
 * ended.
 */
#include "guest/session_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "guest/cgroup.h"
#include "guest/console.h"
#include "guest/container.h"
#include "guest/session_ends.h"
#include "guest/terminal.h"
#include "wire/agent.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TAIL_QUIET_MS = 100,
	TAIL_MAX_MS = 1000,
	CANCEL_LOOK_MS = 20,
};

/* --- the end of a session --- */

static void on_part_closed(void *ctx)
{
	struct session *s = ctx;

	if (--s->handles == 0)
		session_set_sweep(s->set);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_part_closed(handle->data);
}

static void close_status(struct session *s)
{
	if (s->status_fd < 0)
		return;
	uv_close((uv_handle_t *)&s->status, on_handle_closed);
	close(s->status_fd);
	s->status_fd = -1;
}

void session_close_all(struct session *s)
{
	close_status(s);
	session_input_close(&s->in);
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		session_output_close(&s->out[i]);
	if (!uv_is_closing((uv_handle_t *)&s->timer))
		uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

/* Lets go of the stream; no callback of the parts uses it from here on. */
static void close_stream(struct session *s)
{
	mux_close(s->stream);
	s->stream = s->in.stream = NULL;
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		s->out[i].stream = NULL;
}

static void finish(struct session *s)
{
	AUTO_BUF struct buf buf = BUF_INIT(PIPE_BUF);
	struct agent_exited exited = {
		.start_us = (uint32_t)((s->started_ns - s->asked_ns) / 1000),
		.run_us = (uint32_t)((s->exited_ns - s->started_ns) / 1000),
	};

	if (WIFSIGNALED(s->wait_status)) {
		exited.signal = (uint32_t)WTERMSIG(s->wait_status);
		exited.code = 128 + exited.signal;
	} else {
		exited.code = (uint32_t)WEXITSTATUS(s->wait_status);
	}
	mux_end(s->stream, 1);
	if (!s->terminal)
		mux_end(s->stream, 2);
	agent_exited_pack(&buf, &exited);
	mux_message(s->stream, AGENT_EXITED, (struct view){buf.ptr, buf.len});
	close_stream(s);
	/* Before all that is only tidying up. */
	channel_flush(s->set->channel);
	session_close_all(s);
}

static void on_tail_timer(uv_timer_t *timer);

/* After the command's end: is its output complete? */
static void check_end(struct session *s)
{
	uint64_t now = uv_now(s->set->loop);
	bool open = false;

	if (!s->started || !s->exited || !s->stream)
		return;
	for (size_t i = 0; i < SESSION_OUTPUTS; i++) {
		if (s->out[i].owed > 0)
			return; /* read on */
		open = open || s->out[i].fd >= 0;
	}
	if (!open) {
		finish(s);
		return;
	}
	if (s->tail_end == 0)
		s->tail_end = now + TAIL_MAX_MS;
	if (now >= s->tail_end)
		finish(s);
	else
		uv_timer_start(&s->timer, on_tail_timer,
			       MIN((uint64_t)TAIL_QUIET_MS, s->tail_end - now), 0);
}

static void on_tail_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (s->stream)
		finish(s);
}

static void on_progress(void *ctx)
{
	check_end(ctx);
}

/* --- cancelling --- */

/* A cancelled session is over when the command and all of its group are gone, or killed. */
static void on_cancel_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;
	uint64_t now = uv_now(s->set->loop);

	if (s->exited && cgroup_is_empty(s->id)) {
		session_close_all(s);
	} else if (now >= s->cancel_end) {
		cgroup_kill(s->id);
		session_close_all(s);
	} else {
		uv_timer_start(timer, on_cancel_timer,
			       MIN((uint64_t)CANCEL_LOOK_MS, s->cancel_end - now), 0);
	}
}

static void cancel(struct session *s)
{
	s->cancel_end = uv_now(s->set->loop) + s->grace_ms;
	session_input_close(&s->in);
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		session_output_discard(&s->out[i]);
	if (s->terminal)
		cgroup_signal(s->id, SIGHUP);
	cgroup_signal(s->id, SIGTERM);
	cgroup_signal(s->id, SIGCONT);
	on_cancel_timer(&s->timer);
}

/* --- what the host says --- */

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct session *s = ctx;

	if (channel == 0)
		session_input_put(&s->in, bytes);
}

static void on_end(void *ctx, unsigned channel)
{
	struct session *s = ctx;

	/* A terminal has no end of input. */
	if (channel == 0 && !s->terminal)
		session_input_end(&s->in);
}

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct session *s = ctx;
	struct agent_size size;
	uint32_t signal;
	struct err err = {0};
	int result = 0;

	if (type == AGENT_SIGNAL) {
		result = agent_signal_unpack(payload, &signal, &err);
		if (result == 0)
			result = container_signal(s->set->container, s->id, (int)signal, &err);
	} else if (type == AGENT_RESIZE) {
		result = agent_size_unpack(payload, &size, &err);
		if (result == 0 && s->terminal && s->in.fd >= 0)
			terminal_resize(s->in.fd, size.rows, size.cols);
	}
	if (result < 0)
		console_log("exec %u: %s", s->id, err.msg);
}

static void on_writable(void *ctx, unsigned channel)
{
	struct session *s = ctx;

	for (size_t i = 0; i < SESSION_OUTPUTS; i++) {
		if (s->out[i].channel == channel)
			session_output_resume(&s->out[i]);
	}
}

static void on_closed(void *ctx)
{
	struct session *s = ctx;

	close_stream(s);
	cancel(s);
}

static const struct mux_stream_ops session_ops = {
	.data = on_data,
	.end = on_end,
	.message = on_message,
	.writable = on_writable,
	.closed = on_closed,
};

/* --- starting --- */

/* Said once its process is gone too, so that who is told can go on as if nothing had been. */
static void check_failed(struct session *s)
{
	if (s->failure.len == 0 || !s->exited || !s->stream)
		return;
	mux_message(s->stream, AGENT_FAILED, (struct view){s->failure.ptr, s->failure.len});
	close_stream(s);
	session_close_all(s);
}

static void on_status(uv_poll_t *poll, int poll_status, int events)
{
	struct session *s = poll->data;
	char text[PIPE_BUF];
	ssize_t got = read(s->status_fd, text, sizeof(text));

	(void)poll_status;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_status(s);
	if (!s->stream)
		return;
	if (got > 0) {
		buf_put(&s->failure, text, (size_t)got);
		check_failed(s);
		return;
	}
	s->started = true;
	s->started_ns = clock_monotonic_ns();
	mux_message(s->stream, AGENT_STARTED, (struct view){"", 0});
	session_input_release(&s->in);
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		session_output_resume(&s->out[i]);
	check_end(s);
}

struct session *session_new(struct session_set *set, unsigned id, struct session_ends *ends)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->set = set;
	s->id = id;
	s->failure = (struct buf)BUF_INIT(PIPE_BUF);
	s->next = set->first;
	set->first = s;
	s->status.data = s->timer.data = s;
	uv_timer_init(set->loop, &s->timer);
	s->status_fd = STEAL_FD(ends->ours[CONTAINER_STATUS]);
	uv_poll_init(set->loop, &s->status, s->status_fd);
	uv_poll_start(&s->status, UV_READABLE, on_status);
	s->handles = 2;
	s->in.closed = on_part_closed;
	s->in.ctx = s;
	s->in.fd = -1;
	if (ends->ours[CONTAINER_STDIN] >= 0) {
		session_input_open(&s->in, set->loop, STEAL_FD(ends->ours[CONTAINER_STDIN]));
		s->handles++;
	}
	for (unsigned i = 0; i < SESSION_OUTPUTS; i++) {
		int *fd = &ends->ours[i == 0 ? CONTAINER_STDOUT : CONTAINER_STDERR];
		struct session_output *out = &s->out[i];

		*out = (struct session_output){.fd = -1,
					       .channel = i + 1,
					       .progress = on_progress,
					       .closed = on_part_closed,
					       .ctx = s};
		if (*fd < 0)
			continue;
		session_output_open(out, set->loop, STEAL_FD(*fd));
		s->handles++;
	}
	return s;
}

void session_attach(struct session *s, struct mux_stream *stream)
{
	s->stream = s->in.stream = stream;
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		s->out[i].stream = stream;
	mux_accept(stream, &session_ops, s);
}

void session_exited(struct session *s, int wait_status)
{
	assert(!s->exited);
	s->exited = true;
	s->exited_ns = clock_monotonic_ns();
	s->wait_status = wait_status;
	for (size_t i = 0; i < SESSION_OUTPUTS; i++)
		session_output_mark(&s->out[i]);
	check_failed(s);
	check_end(s);
}
