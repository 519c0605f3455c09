// SPDX-License-Identifier: MIT
/*
 * The client of a command in another process's sandbox: see attach.h.
 *
 * The supervisor reads and writes our descriptors itself; here is only what it cannot know:
 * signals, the terminal's mode, size and input.
 * Failure modes: the supervisor refuses, or the connection ends without an answer, which means that
 * the sandbox has ended.  Our own end, however it comes, is the command's.
 */
#include "cli/attach.h"

#include "base/attr.h"
#include "base/auto.h"
#include "cli/input_pump.h"
#include "cli/terminal.h"
#include "sandbox/control_client.h"
#include "wire/control.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

struct attachment {
	int sock, terminal_fd;
	uv_loop_t loop;
	uv_poll_t answer;
	uv_signal_t signals[ARRAY_SIZE(signals)];
	struct input_pump pump;
	int exit_code;
	struct err err; /* ERR_NONE: the command has ended */
};

static void finish(struct attachment *a)
{
	uv_stop(&a->loop);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct attachment *a = poll->data;
	struct control_packet packet;
	int fds[CONTROL_FDS_MAX];
	size_t fd_count = 0;
	int got = control_receive(a->sock, &packet, fds, &fd_count, &a->err);

	(void)status;
	(void)events;
	/* One that closed before it read all that we sent: its answer follows. */
	if (got < 0 && (a->err.sys == ECONNRESET || a->err.sys == EINTR)) {
		a->err = (struct err){0};
		return;
	}
	finish(a);
	a->exit_code = 1;
	if (got < 0)
		return;
	if (got == 0) {
		err_set_(&a->err, ERR_UNAVAILABLE, "the sandbox has ended");
	} else if (packet.type == CONTROL_EXITED) {
		a->exit_code = (int)packet.exit_code;
	} else if (packet.type == CONTROL_FAILED) {
		a->exit_code = (int)packet.failed.exit_code;
		err_set_(&a->err, ERR_INVALID, "%s", packet.failed.text);
	} else {
		err_set_(&a->err, ERR_PROTOCOL, "unexpected control message %u", packet.type);
	}
	if (got > 0)
		control_packet_done(&packet);
}

/* One that does not arrive is told by the answer. */
static void tell(struct attachment *a, const struct control_packet *packet)
{
	struct err ignored;

	(void)control_send(a->sock, packet, NULL, 0, &ignored);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct attachment *a = handle->data;

	switch (signum) {
	case SIGWINCH:
		if (a->terminal_fd >= 0)
			tell(a, &(struct control_packet){CONTROL_RESIZE,
							 {.size = terminal_size(a->terminal_fd)}});
		return;
	case SIGUSR1:
	case SIGUSR2:
		tell(a, &(struct control_packet){CONTROL_SIGNAL, {.signal = (uint32_t)signum}});
		return;
	default:
		a->exit_code = 1;
		err_set_(&a->err, ERR_CANCELLED, "context canceled");
		finish(a);
	}
}

static void handles_open(struct attachment *a)
{
	uv_loop_init(&a->loop);
	uv_poll_init(&a->loop, &a->answer, a->sock);
	a->answer.data = a;
	uv_poll_start(&a->answer, UV_READABLE, on_answer);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		uv_signal_init(&a->loop, &a->signals[i]);
		a->signals[i].data = a;
		uv_signal_start(&a->signals[i], on_signal, signals[i]);
	}
}

static void handles_close(struct attachment *a)
{
	input_pump_close(&a->pump);
	uv_close((uv_handle_t *)&a->answer, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		uv_close((uv_handle_t *)&a->signals[i], NULL);
	while (uv_run(&a->loop, UV_RUN_DEFAULT) != 0)
		; /* a stop that was asked for before ends one turn early */
	uv_loop_close(&a->loop);
}

static int request(struct attachment *a, const struct agent_exec *exec, const int stdio[3],
		   struct err *err)
{
	int fds[] = {stdio[0], stdio[1], stdio[2]};
	AUTO_FD int input_fd = -1;

	if ((exec->flags & AGENT_EXEC_STDIN) && isatty(stdio[0])) {
		if (input_pump_open(&a->pump, &a->loop, stdio[0], &input_fd, err) < 0)
			return -1;
		fds[0] = input_fd;
	}
	if (a->terminal_fd >= 0 && terminal_raw(a->terminal_fd, err) < 0)
		return -1;
	/* One that has refused us already has said why: its answer is read. */
	if (control_request_exec(a->sock, exec, fds, err) < 0 && err->sys != EPIPE)
		return -1;
	return 0;
}

int attach(int sock, const struct agent_exec *exec, const int stdio[3], int *ret_exit_code,
	   struct err *err)
{
	struct attachment a = {
		.sock = sock,
		.terminal_fd = exec->flags & AGENT_EXEC_TTY ? stdio[0] : -1,
	};

	handles_open(&a);
	if (request(&a, exec, stdio, &a.err) < 0)
		a.exit_code = 1;
	else
		uv_run(&a.loop, UV_RUN_DEFAULT);
	terminal_restore();
	handles_close(&a);
	*ret_exit_code = a.exit_code;
	if (a.err.code == ERR_NONE)
		return 0;
	*err = a.err;
	return -1;
}
