// SPDX-License-Identifier: MIT
/*
 * The agent: one libuv loop on one thread, PID 1 of the VM.  It accepts streams of the control
 * channel (wire/agent.h), keeps the container and its commands, and ends the VM.
 *
 * Happy path: port, SETUP, any number of EXEC and CONNECT, SHUTDOWN.  PREPARE, before or after
 * SETUP, brings it back to where the next thing it hears is SETUP, on a channel that has no past:
 * there it is saved. The end: SIGTERM to all and the grace, then SIGKILL; the commands' last
 * output; file systems unmounted; DONE; reset.
 *
 * Failure modes: a failed SETUP is answered and the VM waits to be ended; a channel that breaks
 * (the host is gone) or a container that dies unasked end the VM, with a line on the console, after
 * writing out what is in memory.
 */
#include "guest/agent.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "guest/connect.h"
#include "guest/console.h"
#include "guest/container.h"
#include "guest/disks.h"
#include "guest/layout.h"
#include "guest/port.h"
#include "guest/session.h"
#include "guest/setup.h"
#include "wire/agent.h"
#include "wire/channel.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	PORT_DEADLINE_MS = 20000,
	OUTPUT_DEADLINE_MS = 2000, /* for the host to take the last output */
	DONE_DEADLINE_MS = 1000,
	HIGHEST_PRIORITY = -20,
	OPEN_FILES = 4096, /* those of commands, and of LIMIT_FORWARDED connections */
};

/* What streams are allowed when. */
enum agent_state {
	STATE_NEW,     /* SETUP, PREPARE */
	STATE_FAILED,  /* none: what was set up halfway serves nobody */
	STATE_READY,   /* EXEC, CONNECT, SHUTDOWN, PREPARE */
	STATE_STOPPING /* none: the container has been told to end */
};

struct agent {
	uv_loop_t loop;
	int port;
	struct channel *channel;
	enum agent_state state;
	struct agent_setup setup;
	struct container *container;
	int random_fd;
	int etc_fds[ETC_FILES]; /* of a template with a container and its clones; else -1 */
	struct session_set *sessions;
	uv_poll_t reports, container_exit;
	struct mux_stream *setup_stream;
	uint64_t ready_ns; /* when READY was said; 0 once the host has told the time for it */
	struct mux_stream *shutdown; /* NULL: none, or the host gave it up */
	bool container_gone;
	uv_timer_t deadline; /* of the grace, then of the last output */
	uv_check_t settled;  /* looks at each turn whether the last output has left */
};

/* While commands run, bytes shall move in large pieces: else each piece that is read from or
 * written to a pipe makes agent and command take turns, and a turn costs more than the piece.  A
 * batch task takes the CPU from no command when it is woken, and by its weight none takes it from
 * the agent; beside commands that never sleep it runs at the next tick.  The commands do not
 * inherit this: their init was forked before. */
static void prefer_agent(bool ahead)
{
	const struct sched_param param = {0};

	if (sched_setscheduler(0, ahead ? SCHED_BATCH : SCHED_OTHER, &param) < 0 ||
	    setpriority(PRIO_PROCESS, 0, ahead ? HIGHEST_PRIORITY : 0) < 0)
		console_log("agent: priority: %s", strerror(errno));
}

/* All that was said leaves, and nothing is read any more: what comes next is for another channel.
 */
static void flush_channel(struct agent *agent, unsigned deadline_ms)
{
	for (unsigned i = 0; i < deadline_ms / 10; i++) {
		channel_flush(agent->channel);
		if (mux_output(channel_mux(agent->channel)).len == 0)
			return;
		port_wait_writable(agent->port, 10);
	}
}

/* --- the end --- */

static void power_off(struct agent *agent)
{
	struct err err;

	etc_files_close(agent->etc_fds); /* they would keep the disk busy */
	if (disks_unmount(agent->setup.disks, agent->setup.disk_count, &err) < 0)
		console_log("shutdown: %s", err.msg);
	sync();
	if (agent->shutdown) {
		mux_message(agent->shutdown, AGENT_DONE, (struct view){"", 0});
		mux_close(STEAL(agent->shutdown));
	}
	flush_channel(agent, DONE_DEADLINE_MS);
	console_reset();
}

static void on_settled(uv_check_t *check)
{
	struct agent *agent = check->data;

	if (agent->container_gone && !session_set_is_busy(agent->sessions))
		power_off(agent);
}

static void on_output_deadline(uv_timer_t *timer)
{
	power_off(timer->data);
}

static void on_grace_deadline(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	container_kill(agent->container);
}

static void take_reports(struct agent *agent)
{
	unsigned id;
	int status;

	while (container_next_report(agent->container, &id, &status))
		session_set_exited(agent->sessions, id, status);
}

static void on_reports(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	take_reports(poll->data);
}

static void on_container_exit(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;
	char text[64];

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	take_reports(agent);
	uv_poll_stop(&agent->reports);
	if (agent->state != STATE_STOPPING) {
		container_describe_exit(agent->container, text, sizeof(text));
		sync();
		console_fatal("the container's init ended unasked: %s", text);
	}
	agent->container_gone = true;
	uv_timer_start(&agent->deadline, on_output_deadline, OUTPUT_DEADLINE_MS, 0);
	uv_check_start(&agent->settled, on_settled);
}

static void on_shutdown_closed(void *ctx)
{
	struct agent *agent = ctx;

	mux_close(STEAL(agent->shutdown)); /* the end itself goes on */
}

static const struct mux_stream_ops shutdown_ops = {.closed = on_shutdown_closed};

static void open_shutdown(struct agent *agent, struct mux_stream *stream, struct view request)
{
	struct agent_shutdown shutdown;
	struct err err;

	if (agent_shutdown_unpack(request, &shutdown, &err) < 0) {
		session_refuse(stream, 1, err.msg);
		return;
	}
	agent->state = STATE_STOPPING;
	prefer_agent(false);
	agent->shutdown = stream;
	mux_accept(stream, &shutdown_ops, agent);
	if (container_stop(agent->container, &err) < 0)
		console_log("shutdown: %s", err.msg); /* its end will be seen all the same */
	uv_timer_start(&agent->deadline, on_grace_deadline, shutdown.grace_ms, 0);
}

/* --- the beginning --- */

static void watch_container(struct agent *agent)
{
	agent->sessions = session_set_new(&agent->loop, agent->channel, agent->container);
	agent->reports.data = agent->container_exit.data = agent;
	uv_poll_init(&agent->loop, &agent->reports, container_report_fd(agent->container));
	uv_poll_start(&agent->reports, UV_READABLE, on_reports);
	uv_poll_init(&agent->loop, &agent->container_exit, container_exit_fd(agent->container));
	uv_poll_start(&agent->container_exit, UV_READABLE, on_container_exit);
}

/* How old a clock is that has just come.  The host tells the first when it hears READY: at some
 * time between our saying so and now, which is long since all of it runs for the first time.  Its
 * middle is wrong by half of it at most.  The later ones find it warm. */
static uint64_t clock_age(struct agent *agent)
{
	uint64_t age = agent->ready_ns ? (clock_monotonic_ns() - agent->ready_ns) / 2 : 0;

	agent->ready_ns = 0;
	return age;
}

/* A wrong clock would be the command's to find out: better none. */
static void on_setup_message(void *ctx, uint8_t type, struct view payload)
{
	struct agent *agent = ctx;
	struct agent_clock clock;
	struct err err = {0};

	if (type != AGENT_CLOCK)
		err_set_(&err, ERR_PROTOCOL, "unexpected message %u", type);
	else if (agent_clock_unpack(payload, &clock, &err) == 0 &&
		 setup_clock(&clock, clock_age(agent), &err) == 0)
		return;
	console_log("setup: %s", err.msg);
	session_refuse(STEAL(agent->setup_stream), 1, err.msg);
}

static void on_setup_closed(void *ctx)
{
	struct agent *agent = ctx;

	mux_close(STEAL(agent->setup_stream));
}

static const struct mux_stream_ops setup_ops = {
	.message = on_setup_message,
	.closed = on_setup_closed,
};

/* In a clone there is a container already. */
static int apply(struct agent *agent, const struct agent_setup *setup, struct agent_steps *took,
		 struct err *err)
{
	if (setup_entropy(setup, agent->random_fd, took, err) < 0)
		return -1;
	if (agent->container)
		return setup_reapply(&agent->setup, setup, agent->etc_fds, took, err);
	if (setup_apply(setup, &agent->container, took, err) < 0)
		return -1;
	watch_container(agent);
	prefer_agent(true);
	return 0;
}

static void open_setup(struct agent *agent, struct mux_stream *stream, struct view request)
{
	AUTO_BUF struct buf steps = BUF_INIT(256);
	struct agent_steps took = {0};
	struct agent_setup setup;
	struct err err;

	agent->state = STATE_FAILED;
	if (agent_setup_unpack(request, &setup, &err) < 0 ||
	    apply(agent, &setup, &took, &err) < 0) {
		console_log("setup: %s", err.msg);
		session_refuse(stream, 1, err.msg);
		return;
	}
	explicit_bzero(setup.entropy, sizeof(setup.entropy));
	agent->setup = setup; /* one of before lives as long as the VM */
	agent->state = STATE_READY;
	agent->setup_stream = stream;
	mux_accept(stream, &setup_ops, agent);
	agent_steps_pack(&steps, &took);
	mux_message(stream, AGENT_READY, (struct view){steps.ptr, steps.len});
	agent->ready_ns = clock_monotonic_ns();
	channel_flush(agent->channel);
}

/* --- a template --- */

static const char not_ready[] = "the VM is not ready or is being shut down";

static void open_channel(void *ctx);

static int prepare(struct agent *agent, struct view request, struct err *err)
{
	AUTO(agent_prepare_done) struct agent_prepare prepare = {0};

	if (agent_prepare_unpack(request, &prepare, err) < 0)
		return -1;
	if (agent->container) {
		etc_files_close(agent->etc_fds);
		if (container_open_etc(agent->container, agent->etc_fds, err) < 0)
			return -1;
		return session_set_prepare(agent->sessions, &prepare, err);
	}
	if (prepare.waiting)
		return err_set(err, ERR_INVALID, "no process can wait in a VM without a container");
	return 0;
}

static void open_prepare(struct agent *agent, struct mux_stream *stream, struct view request)
{
	AUTO_BUF struct buf steps = BUF_INIT(256);
	struct err err;

	if (agent->state != STATE_NEW && agent->state != STATE_READY) {
		session_refuse(stream, 1, not_ready);
		return;
	}
	if (prepare(agent, request, &err) < 0) {
		session_refuse(stream, 1, err.msg);
		return;
	}
	sync();
	agent->state = STATE_NEW;
	agent_steps_pack(&steps, &(struct agent_steps){0});
	mux_message(stream, AGENT_READY, (struct view){steps.ptr, steps.len});
	mux_close(stream);
	flush_channel(agent, DONE_DEADLINE_MS);
	channel_close(STEAL(agent->channel), open_channel, agent);
}

static void open_connect(struct agent *agent, struct mux_stream *stream, struct view request)
{
	connect_open(&agent->loop, stream, request);
}

/* Which kind may be opened in which state, and the answer if it may not. */
static const struct {
	enum agent_state state;
	void (*open)(struct agent *agent, struct mux_stream *stream, struct view request);
	const char *refusal;
} kinds[] = {
	[AGENT_SETUP] = {STATE_NEW, open_setup, "the VM has been set up already"},
	[AGENT_EXEC] = {STATE_READY, NULL, not_ready},
	[AGENT_SHUTDOWN] = {STATE_READY, open_shutdown, not_ready},
	[AGENT_CONNECT] = {STATE_READY, open_connect, not_ready},
};

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct agent *agent = ctx;

	if (kind == AGENT_PREPARE)
		open_prepare(agent, stream, request);
	else if (kind == 0 || kind >= ARRAY_SIZE(kinds))
		session_refuse(stream, 1, "the guest does not know this kind of stream");
	else if (agent->state != kinds[kind].state)
		session_refuse(stream, 1, kinds[kind].refusal);
	else if (kind == AGENT_EXEC)
		session_set_open(agent->sessions, stream, request);
	else
		kinds[kind].open(agent, stream, request);
}

static void on_broken(void *ctx, const struct err *err)
{
	(void)ctx;
	sync();
	console_fatal("%s", err->msg);
}

static const struct channel_ops channel_ops = {.opened = on_opened, .broken = on_broken};

static void open_channel(void *ctx)
{
	struct agent *agent = ctx;
	struct err err;

	if (channel_open(&agent->loop, agent->port, MUX_GUEST, &channel_ops, agent, &agent->channel,
			 &err) < 0)
		console_fatal("%s", err.msg);
	if (agent->sessions)
		session_set_rechannel(agent->sessions, agent->channel);
}

void agent_run(void)
{
	const struct rlimit files = {OPEN_FILES, OPEN_FILES};
	struct agent *agent = xcalloc(1, sizeof(*agent));
	struct err err;

	prctl(PR_SET_NAME, "agent");
	signal(SIGPIPE, SIG_IGN);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		console_log("agent: limit of open files: %s", strerror(errno));
	setup_kernel();
	if (setup_open_random(&agent->random_fd, &err) < 0 ||
	    port_open(GUEST_PORT, PORT_DEADLINE_MS, &agent->port, &err) < 0)
		console_fatal("%s", err.msg);
	if (uv_loop_init(&agent->loop) < 0)
		console_fatal("event loop: out of memory or descriptors");
	uv_timer_init(&agent->loop, &agent->deadline);
	uv_check_init(&agent->loop, &agent->settled);
	agent->deadline.data = agent->settled.data = agent;
	for (size_t i = 0; i < ETC_FILES; i++)
		agent->etc_fds[i] = -1;
	open_channel(agent);
	uv_run(&agent->loop, UV_RUN_DEFAULT);
	console_fatal("the event loop ended");
}
