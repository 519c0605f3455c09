// SPDX-License-Identifier: MIT
/*
 * Sessions: see session.h.
 *
 * Happy path: pipes or a terminal and a control group are made, the container's init is asked to
 * start the command; its status descriptor closes: STARTED, output flows; the init reports its end
 * and the output meets its end: END, EXITED, CLOSE.
 *
 * A process that was left behind may hold the output open.  So after the command's end only what it
 * had written by then is waited for, then TAIL_QUIET_MS without a byte, and TAIL_MAX_MS in all.
 *
 * Cancelled (the host closed the stream): SIGTERM to the whole group (SIGHUP too where its terminal
 * is gone), output is thrown away, SIGKILL to the group after the grace.
 *
 * Failure modes: the command cannot be started: FAILED with what its child says.  The group of a
 * command cannot be removed while something runs in it: tried again at each later command.
 */
#include "guest/session.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "guest/cgroup.h"
#include "guest/console.h"
#include "guest/container.h"
#include "guest/session_ends.h"
#include "guest/session_io.h"
#include "guest/terminal.h"
#include "guest/waiting.h"
#include "wire/agent.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL_QUIET_MS = 100, TAIL_MAX_MS = 1000, CANCEL_LOOK_MS = 20, OUTPUTS = 2 };

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
	uv_timer_t timer; /* of the tail, or of the grace */
	struct session_input in;
	struct session_output out[OUTPUTS];
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

struct session_set *session_set_new(uv_loop_t *loop, struct channel *channel,
				    struct container *container)
{
	struct session_set *set = xcalloc(1, sizeof(*set));

	*set = (struct session_set){
		.loop = loop, .channel = channel, .container = container, .waiting = WAITING_NONE};
	return set;
}

bool session_set_is_busy(const struct session_set *set)
{
	for (const struct session *s = set->first; s; s = s->next) {
		if (s->stream)
			return true;
	}
	return false;
}

void session_refuse(struct mux_stream *stream, unsigned exit_code, const char *text)
{
	AUTO_BUF struct buf buf = BUF_INIT(PIPE_BUF);
	struct agent_failed failed = {.exit_code = exit_code, .text = (char *)text};

	agent_failed_pack(&buf, &failed);
	mux_message(stream, AGENT_FAILED, (struct view){buf.ptr, buf.len});
	mux_close(stream);
}

/* --- the end of a session --- */

/* Frees those of which nothing is left: no stream, no handle, no process in the group. */
static void sweep(struct session_set *set)
{
	struct session **link = &set->first;

	while (*link) {
		struct session *s = *link;

		if (s->stream || s->handles > 0 || !s->exited || !cgroup_is_empty(s->id)) {
			link = &s->next;
			continue;
		}
		cgroup_remove(s->id);
		*link = s->next;
		free(s);
	}
}

static void on_part_closed(void *ctx)
{
	struct session *s = ctx;

	if (--s->handles == 0)
		sweep(s->set);
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

static void close_all(struct session *s)
{
	close_status(s);
	session_input_close(&s->in);
	for (size_t i = 0; i < OUTPUTS; i++)
		session_output_close(&s->out[i]);
	if (!uv_is_closing((uv_handle_t *)&s->timer))
		uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

/* Lets go of the stream; no callback of the parts uses it from here on. */
static void close_stream(struct session *s)
{
	mux_close(s->stream);
	s->stream = s->in.stream = NULL;
	for (size_t i = 0; i < OUTPUTS; i++)
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
	close_all(s);
}

static void on_tail_timer(uv_timer_t *timer);

/* After the command's end: is its output complete? */
static void check_end(struct session *s)
{
	uint64_t now = uv_now(s->set->loop);
	bool open = false;

	if (!s->started || !s->exited || !s->stream)
		return;
	for (size_t i = 0; i < OUTPUTS; i++) {
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
		close_all(s);
	} else if (now >= s->cancel_end) {
		cgroup_kill(s->id);
		close_all(s);
	} else {
		uv_timer_start(timer, on_cancel_timer,
			       MIN((uint64_t)CANCEL_LOOK_MS, s->cancel_end - now), 0);
	}
}

static void cancel(struct session *s)
{
	s->cancel_end = uv_now(s->set->loop) + s->grace_ms;
	session_input_close(&s->in);
	for (size_t i = 0; i < OUTPUTS; i++)
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

	for (size_t i = 0; i < OUTPUTS; i++) {
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
		mux_message(s->stream, AGENT_FAILED, (struct view){text, (size_t)got});
		close_stream(s);
		close_all(s);
		return;
	}
	s->started = true;
	s->started_ns = clock_monotonic_ns();
	mux_message(s->stream, AGENT_STARTED, (struct view){"", 0});
	session_input_release(&s->in);
	for (size_t i = 0; i < OUTPUTS; i++)
		session_output_resume(&s->out[i]);
	check_end(s);
}

static struct session *session_new(struct session_set *set, unsigned id, struct session_ends *ends)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->set = set;
	s->id = id;
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
	for (unsigned i = 0; i < OUTPUTS; i++) {
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

static void attach_stream(struct session *s, struct mux_stream *stream)
{
	s->asked_ns = clock_monotonic_ns();
	s->stream = s->in.stream = stream;
	for (size_t i = 0; i < OUTPUTS; i++)
		s->out[i].stream = stream;
	mux_accept(stream, &session_ops, s);
}

/* Has the process made.  *ret_go_fd: where a process that waits gets its arguments; NULL: it is to
 * run at once. */
static int fork_session(struct session_set *set, const struct agent_exec *exec, struct view request,
			int *ret_go_fd, struct session **ret_session, struct err *err)
{
	AUTO(session_ends_done) struct session_ends ends = SESSION_ENDS_NONE;
	struct container_exec order = {.id = ++set->last_id, .request = request};

	if (session_ends_make(exec, order.id, ret_go_fd != NULL, &ends, err) < 0) {
		cgroup_remove(order.id);
		return -1;
	}
	order.pty = ends.pty;
	memcpy(order.fds, ends.theirs, sizeof(order.fds));
	if (container_exec(set->container, &order, err) < 0) {
		cgroup_remove(order.id);
		return -1;
	}
	if (ret_go_fd)
		*ret_go_fd = STEAL_FD(ends.ours[CONTAINER_GO]);
	*ret_session = session_new(set, order.id, &ends);
	return 0;
}

int session_set_prepare(struct session_set *set, const struct agent_prepare *prepare,
			struct err *err)
{
	const struct agent_exec exec = {
		.flags = AGENT_EXEC_STDIN, .user = prepare->user, .cwd = prepare->cwd};
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	int go_fd;

	sweep(set);
	if (set->first)
		return err_set(err, ERR_CONFLICT, "commands still run");
	if (!prepare->waiting)
		return 0;
	agent_exec_pack(&request, &exec);
	if (fork_session(set, &exec, (struct view){request.ptr, request.len}, &go_fd, &set->waiter,
			 err) < 0)
		return -1;
	waiting_begin(&set->waiting, prepare, go_fd);
	return 0;
}

void session_set_rechannel(struct session_set *set, struct channel *channel)
{
	set->channel = channel;
}

/* The process that waits becomes the command, if it was made for such a one and lives.  Otherwise
 * it has served its time. */
static struct session *take_waiter(struct session_set *set, const struct agent_exec *exec,
				   struct view request)
{
	struct session *s = STEAL(set->waiter);
	struct err err;

	if (s && s->status_fd >= 0 && waiting_fits(&set->waiting, exec)) {
		if (waiting_go(&set->waiting, request, &err) == 0) {
			if (!(exec->flags & AGENT_EXEC_STDIN))
				session_input_close(&s->in);
			return s;
		}
		console_log("exec %u: %s", s->id, err.msg);
	}
	waiting_end(&set->waiting);
	if (s)
		close_all(s);
	return NULL;
}

static int start(struct session_set *set, struct mux_stream *stream, struct view request,
		 struct err *err)
{
	AUTO(agent_exec_done) struct agent_exec exec = {0};
	struct session *s;

	if (agent_exec_unpack(request, &exec, err) < 0)
		return -1;
	if (!exec.argv[0])
		return err_set(err, ERR_INVALID, "no command");
	s = take_waiter(set, &exec, request);
	if (!s && fork_session(set, &exec, request, NULL, &s, err) < 0)
		return -1;
	s->terminal = exec.flags & AGENT_EXEC_TTY;
	s->grace_ms = exec.grace_ms;
	attach_stream(s, stream);
	return 0;
}

void session_set_open(struct session_set *set, struct mux_stream *stream, struct view request)
{
	struct err err;

	sweep(set);
	if (start(set, stream, request, &err) < 0)
		session_refuse(stream, 1, err.msg);
}

void session_set_exited(struct session_set *set, unsigned id, int wait_status)
{
	struct session *s = set->first;

	while (s && s->id != id)
		s = s->next;
	assert(s && !s->exited);
	s->exited = true;
	s->exited_ns = clock_monotonic_ns();
	s->wait_status = wait_status;
	for (size_t i = 0; i < OUTPUTS; i++)
		session_output_mark(&s->out[i]);
	check_end(s);
	if (s->handles == 0)
		sweep(set);
}
