// SPDX-License-Identifier: MIT
/*
 * All sessions: how one begins, and when it is forgotten.
 *
 * Happy path: the process that waits in a clone takes the request; else pipes or a terminal and a
 * control group are made and the container's init is asked to fork.
 * Failure modes: what cannot be made is refused with the reason.  The group of a command cannot be
 * removed while something runs in it: tried again at each later command.
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
#include "wire/agent.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAITER_DEADLINE_MS = 10000 };

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

/* Frees those of which nothing is left: no stream, no handle, no process in the group. */
void session_set_sweep(struct session_set *set)
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
		buf_done(&s->failure);
		free(s);
	}
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

/* Waits until the process waits.  One that cannot (no such user, no such directory) is left to end:
 * the first command then starts the ordinary way, and fails by the same reason or by none. */
static void await_waiter(struct session_set *set)
{
	struct pollfd status = {.fd = set->waiter->status_fd, .events = POLLIN};
	char answer[PIPE_BUF];

	if (poll(&status, 1, WAITER_DEADLINE_MS) == 1 &&
	    read(status.fd, answer, sizeof(answer)) == 1 && answer[0] == CONTAINER_READY)
		return;
	console_log("prepare: no process waits");
	waiting_end(&set->waiting);
	session_close_all(STEAL(set->waiter));
}

int session_set_prepare(struct session_set *set, const struct agent_prepare *prepare,
			struct err *err)
{
	const struct agent_exec exec = {
		.flags = AGENT_EXEC_STDIN, .user = prepare->user, .cwd = prepare->cwd};
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	int go_fd;

	session_set_sweep(set);
	if (set->waiter)
		return err_set(err, ERR_CONFLICT, "a process waits already");
	if (set->first)
		return err_set(err, ERR_CONFLICT, "commands still run");
	if (!prepare->waiting)
		return 0;
	agent_exec_pack(&request, &exec);
	if (fork_session(set, &exec, (struct view){request.ptr, request.len}, &go_fd, &set->waiter,
			 err) < 0)
		return -1;
	waiting_begin(&set->waiting, prepare, go_fd);
	await_waiter(set);
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
		session_close_all(s);
	return NULL;
}

static int start(struct session_set *set, struct mux_stream *stream, struct view request,
		 struct err *err)
{
	AUTO(agent_exec_done) struct agent_exec exec = {0};
	uint64_t asked = clock_monotonic_ns();
	struct session *s;

	if (agent_exec_unpack(request, &exec, err) < 0)
		return -1;
	if (!exec.argv[0])
		return err_set(err, ERR_INVALID, "no command");
	s = take_waiter(set, &exec, request);
	if (!s && fork_session(set, &exec, request, NULL, &s, err) < 0)
		return -1;
	s->asked_ns = asked;
	s->terminal = exec.flags & AGENT_EXEC_TTY;
	s->grace_ms = exec.grace_ms;
	session_attach(s, stream);
	return 0;
}

void session_set_open(struct session_set *set, struct mux_stream *stream, struct view request)
{
	struct err err;

	session_set_sweep(set);
	if (start(set, stream, request, &err) < 0)
		session_refuse(stream, 1, err.msg);
}

void session_set_exited(struct session_set *set, unsigned id, int wait_status)
{
	struct session *s = set->first;

	while (s && s->id != id)
		s = s->next;
	assert(s);
	session_exited(s, wait_status);
	if (s->handles == 0)
		session_set_sweep(set);
}
