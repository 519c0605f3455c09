// SPDX-License-Identifier: MIT
/*
 * The relay: see relay.h.
 *
 * Input: while the session has room, stdin is read straight into the frame; no room stops the poll
 * handle until `input_ready`.  A regular file cannot be polled and is read by an idle handle.
 * Output: written at once; what the descriptor does not take waits in a queue, whose size the
 * stream's credit bounds, for the poll handle.
 * Failure modes: an output that breaks (EPIPE, a full disk) cancels the command and ends the relay
 * with that error.  An input error counts as end of input.
 * Close: one callback a handle is counted; the last frees.
 */
#include "sandbox/relay.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "sandbox/stdio.h"
#include "sandbox/vm_log.h"

#include <errno.h>
#include <stdlib.h>

enum { INPUT = 0, OUTPUT = 1, ERROR_OUTPUT = 2, PORTS = 3 };

static const char *const port_names[PORTS] = {"standard input", "standard output",
					      "standard error"};

struct port {
	struct relay *relay;
	unsigned channel;
	struct stdio io;
	bool used;
	union {
		uv_poll_t poll;
		uv_idle_t idle; /* input from a regular file */
	} handle;
	bool polled, active;
	struct buf queue; /* output that waits */
};

struct relay {
	struct session *session;
	struct vm_log *log;
	struct port ports[PORTS];
	relay_ended_fn *ended;
	void *ctx;
	bool has_result, told;
	struct session_result result;
	unsigned handles;
};

static void port_stop(struct port *port)
{
	if (!port->active)
		return;
	port->active = false;
	if (port->polled)
		uv_poll_stop(&port->handle.poll);
	else
		uv_idle_stop(&port->handle.idle);
}

/* Tells the owner once the result is there and no output waits. */
static void relay_check_end(struct relay *relay)
{
	if (!relay->has_result || relay->told)
		return;
	if (relay->ports[OUTPUT].queue.len > 0 || relay->ports[ERROR_OUTPUT].queue.len > 0)
		return;
	relay->told = true;
	for (size_t i = 0; i < PORTS; i++)
		port_stop(&relay->ports[i]);
	relay->ended(relay->ctx, &relay->result);
}

/* An output is broken: nothing of the command can reach the user any more. */
static void output_failed(struct port *port, int errnum)
{
	struct relay *relay = port->relay;

	if (relay->session)
		session_cancel(STEAL(relay->session));
	for (size_t i = OUTPUT; i < PORTS; i++)
		buf_clear(&relay->ports[i].queue);
	relay->has_result = true;
	relay->result.exit_code = 1;
	err_sys_(&relay->result.err, errnum, "write %s", port_names[port->channel]);
	relay_check_end(relay);
}

/* Writes what it can; returns the bytes taken, or -1 when the output has failed. */
static ssize_t output_write(struct port *port, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = stdio_write(&port->io, bytes.ptr + done, bytes.len - done);

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		output_failed(port, n < 0 ? errno : ENOSPC);
		return -1;
	}
	return (ssize_t)done;
}

static void on_output_writable(uv_poll_t *poll, int status, int events)
{
	struct port *port = poll->data;
	ssize_t done;

	(void)events;
	done = output_write(port, (struct view){port->queue.ptr, port->queue.len});
	if (done < 0)
		return;
	buf_consume(&port->queue, (size_t)done);
	if (port->relay->session)
		session_consumed(port->relay->session, port->channel, (size_t)done);
	if (port->queue.len == 0)
		port_stop(port);
	else if (status < 0) /* stopped by libuv for an error that did not show in the write */
		uv_poll_start(poll, UV_WRITABLE, on_output_writable);
	relay_check_end(port->relay);
}

static void on_output(void *ctx, unsigned channel, struct view bytes)
{
	struct relay *relay = ctx;
	struct port *port = &relay->ports[channel == 2 ? ERROR_OUTPUT : OUTPUT];
	ssize_t done = 0;

	if (relay->log)
		vm_log_write(relay->log, bytes);
	if (port->queue.len == 0)
		done = output_write(port, bytes);
	if (done < 0)
		return;
	session_consumed(relay->session, channel, (size_t)done);
	if ((size_t)done == bytes.len)
		return;
	buf_put(&port->queue, bytes.ptr + done, bytes.len - (size_t)done);
	if (port->queue.failed || !port->polled) {
		output_failed(port, EIO);
		return;
	}
	if (!port->active) {
		port->active = true;
		uv_poll_start(&port->handle.poll, UV_WRITABLE, on_output_writable);
	}
}

/* Reads once.  False: stop reading (end, or no room). */
static bool input_read(struct port *port)
{
	struct session *session = port->relay->session;
	size_t room;
	char *at = session ? session_reserve(session, &room) : NULL;
	ssize_t got;

	if (!at)
		return false;
	got = stdio_read(&port->io, at, room);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		session_commit(session, 0);
		return true;
	}
	session_commit(session, got > 0 ? (size_t)got : 0);
	if (got <= 0)
		session_input_end(session);
	return got > 0;
}

static void on_input_readable(uv_poll_t *poll, int status, int events)
{
	struct port *port = poll->data;

	(void)status;
	(void)events;
	if (!input_read(port))
		port_stop(port);
}

static void on_input_idle(uv_idle_t *idle)
{
	struct port *port = idle->data;

	if (!input_read(port))
		port_stop(port);
}

static void on_input_ready(void *ctx)
{
	struct relay *relay = ctx;
	struct port *port = &relay->ports[INPUT];

	if (!port->used || port->active)
		return;
	port->active = true;
	if (port->polled)
		uv_poll_start(&port->handle.poll, UV_READABLE, on_input_readable);
	else
		uv_idle_start(&port->handle.idle, on_input_idle);
}

static void on_started(void *ctx)
{
	on_input_ready(ctx);
}

static void on_ended(void *ctx, const struct session_result *result)
{
	struct relay *relay = ctx;

	relay->session = NULL;
	relay->has_result = true;
	relay->result = *result;
	relay_check_end(relay);
}

static const struct session_ops session_ops = {
	.started = on_started,
	.output = on_output,
	.input_ready = on_input_ready,
	.ended = on_ended,
};

static int port_open(struct relay *relay, unsigned channel, int fd, uv_loop_t *loop,
		     struct err *err)
{
	struct port *port = &relay->ports[channel];
	int status;

	port->relay = relay;
	port->channel = channel;
	port->queue = (struct buf)BUF_INIT(LIMIT_STREAM_CREDIT);
	if (fd < 0)
		return 0;
	stdio_init(&port->io, fd, channel != INPUT);
	port->polled = port->io.kind != STDIO_FILE;
	if (!port->polled && channel != INPUT) {
		port->used = true; /* written at once, no handle */
		return 0;
	}
	status = port->polled ? uv_poll_init(loop, &port->handle.poll, port->io.fd)
			      : uv_idle_init(loop, &port->handle.idle);
	if (status < 0) {
		stdio_done(&port->io);
		return err_set(err, ERR_IO, "watch %s: %s", port_names[channel],
			       uv_strerror(status));
	}
	port->used = true;
	((uv_handle_t *)&port->handle)->data = port;
	relay->handles++;
	return 0;
}

static void relay_free(struct relay *relay)
{
	for (size_t i = 0; i < PORTS; i++) {
		stdio_done(&relay->ports[i].io);
		buf_done(&relay->ports[i].queue);
	}
	free(relay);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct port *port = handle->data;

	if (--port->relay->handles == 0)
		relay_free(port->relay);
}

void relay_close(struct relay *relay)
{
	if (!relay)
		return;
	if (relay->session)
		session_cancel(STEAL(relay->session));
	relay->told = true;
	for (size_t i = 0; i < PORTS; i++) {
		struct port *port = &relay->ports[i];

		if (port->used && (port->polled || i == INPUT))
			uv_close((uv_handle_t *)&port->handle, on_handle_closed);
	}
	if (relay->handles == 0)
		relay_free(relay);
}

int relay_open(uv_loop_t *loop, struct mux *mux, const struct agent_exec *exec,
	       const struct relay_io *io, relay_ended_fn *ended, void *ctx,
	       struct relay **ret_relay, struct err *err)
{
	struct relay *relay = xcalloc(1, sizeof(*relay));

	relay->log = io->log;
	relay->ended = ended;
	relay->ctx = ctx;
	if (port_open(relay, INPUT, io->in_fd, loop, err) < 0 ||
	    port_open(relay, OUTPUT, io->out_fd, loop, err) < 0 ||
	    port_open(relay, ERROR_OUTPUT, io->err_fd, loop, err) < 0 ||
	    session_open(mux, exec, &session_ops, relay, &relay->session, err) < 0) {
		relay_close(relay);
		return -1;
	}
	*ret_relay = relay;
	return 0;
}

void relay_resize(struct relay *relay, const struct agent_size *size)
{
	if (relay->session)
		session_resize(relay->session, size);
}

void relay_signal(struct relay *relay, int signal)
{
	if (relay->session)
		session_signal(relay->session, signal);
}
