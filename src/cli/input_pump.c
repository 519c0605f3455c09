// SPDX-License-Identifier: MIT
/*
 * Terminal to pipe: see input_pump.h.  One piece at a time: the terminal is read again when the
 * pipe has taken all of the last one.  The end of the input, or a reader who is gone, closes it.
 */
#include "cli/input_pump.h"

#include "base/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void input_pump_close(struct input_pump *pump)
{
	if (!pump->is_open)
		return;
	pump->is_open = false;
	uv_close((uv_handle_t *)&pump->readable, NULL);
	uv_close((uv_handle_t *)&pump->writable, NULL);
	stdio_done(&pump->terminal);
	close(STEAL_FD(pump->pipe_fd));
}

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_writable(uv_poll_t *poll, int status, int events);

static void pass_on(struct input_pump *pump)
{
	while (pump->sent < pump->len) {
		ssize_t done =
			write(pump->pipe_fd, pump->bytes + pump->sent, pump->len - pump->sent);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN) {
			uv_poll_stop(&pump->readable);
			uv_poll_start(&pump->writable, UV_WRITABLE, on_writable);
			return;
		}
		if (done < 0) {
			input_pump_close(pump);
			return;
		}
		pump->sent += (size_t)done;
	}
	uv_poll_stop(&pump->writable);
	uv_poll_start(&pump->readable, UV_READABLE, on_readable);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	pass_on(poll->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct input_pump *pump = poll->data;
	ssize_t got = stdio_read(&pump->terminal, pump->bytes, sizeof(pump->bytes));

	(void)status;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		input_pump_close(pump);
		return;
	}
	pump->len = (size_t)got;
	pump->sent = 0;
	pass_on(pump);
}

int input_pump_open(struct input_pump *pump, uv_loop_t *loop, int terminal_fd, int *ret_fd,
		    struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	fcntl(ends[1], F_SETFL, O_NONBLOCK); /* of a pipe of ours: cannot fail */
	*pump = (struct input_pump){.pipe_fd = ends[1], .is_open = true};
	stdio_init(&pump->terminal, terminal_fd, false);
	uv_poll_init(loop, &pump->readable, pump->terminal.fd);
	uv_poll_init(loop, &pump->writable, pump->pipe_fd);
	pump->readable.data = pump->writable.data = pump;
	uv_poll_start(&pump->readable, UV_READABLE, on_readable);
	*ret_fd = ends[0];
	return 0;
}
