// SPDX-License-Identifier: MIT
/*
 * Bytes of a session: see session_io.h.
 *
 * Output: read(2) puts bytes straight into the frame that leaves for the host.  When the stream's
 * credit or the queue is used up the descriptor is not polled until there is room again, so the
 * command waits in its write.  Input: bytes are written as they come; what the command does not
 * take at once waits here, and the host gets its credit back only when it has taken them.
 *
 * Failure modes: the command closes its end (EPIPE; EIO of a terminal): the input is thrown away
 * from then on, the output is at its end.
 */
#include "guest/session_io.h"

#include "base/attr.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	READS_PER_TURN = 64, /* so that one command does not starve the others */
	SCRATCH_SIZE = 16384,
};

/* --- output --- */

/* One read.  Returns its result; 0 at the end of file, -1 with errno. */
static ssize_t read_some(struct session_output *out, bool *ret_blocked)
{
	char scratch[SCRATCH_SIZE];
	size_t room = sizeof(scratch);
	char *at = scratch;
	ssize_t got;

	*ret_blocked = false;
	if (out->stream) {
		at = mux_reserve(out->stream, out->channel, &room);
		if (!at) {
			*ret_blocked = true;
			return -1;
		}
	}
	do
		got = read(out->fd, at, room);
	while (got < 0 && errno == EINTR);
	if (out->stream)
		mux_commit(out->stream, out->channel, (size_t)MAX(got, 0));
	return got;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct session_output *out = poll->data;

	(void)status; /* an error shows in read too */
	(void)events;
	for (int i = 0; i < READS_PER_TURN; i++) {
		bool blocked;
		ssize_t got = read_some(out, &blocked);

		if (blocked) {
			out->blocked = true;
			uv_poll_stop(poll);
			return;
		}
		if (got < 0 && errno == EAGAIN) {
			out->owed = 0;
			break;
		}
		if (got <= 0) {
			session_output_close(out);
			break;
		}
		out->owed -= MIN(out->owed, (size_t)got);
	}
	out->progress(out->ctx);
}

static void on_output_closed(uv_handle_t *handle)
{
	struct session_output *out = handle->data;

	out->closed(out->ctx);
}

void session_output_open(struct session_output *out, uv_loop_t *loop, int fd)
{
	out->fd = fd;
	out->blocked = true; /* until the first session_output_resume() */
	out->poll.data = out;
	uv_poll_init(loop, &out->poll, fd);
}

void session_output_resume(struct session_output *out)
{
	if (out->fd < 0 || !out->blocked)
		return;
	out->blocked = false;
	uv_poll_start(&out->poll, UV_READABLE, on_readable);
}

void session_output_discard(struct session_output *out)
{
	out->stream = NULL;
	session_output_resume(out);
}

void session_output_mark(struct session_output *out)
{
	int waiting = 0;

	if (out->fd >= 0 && ioctl(out->fd, FIONREAD, &waiting) == 0)
		out->owed = (size_t)waiting;
}

void session_output_close(struct session_output *out)
{
	if (out->fd < 0)
		return;
	uv_close((uv_handle_t *)&out->poll, on_output_closed);
	close(out->fd);
	out->fd = -1;
	out->blocked = false;
	out->owed = 0;
}

/* --- input --- */

static void on_input_closed(uv_handle_t *handle)
{
	struct session_input *in = handle->data;

	buf_done(&in->queue);
	in->closed(in->ctx);
}

void session_input_open(struct session_input *in, uv_loop_t *loop, int fd)
{
	in->fd = fd;
	in->held = true;
	in->queue = (struct buf)BUF_INIT(2 * LIMIT_STREAM_CREDIT);
	in->poll.data = in;
	uv_poll_init(loop, &in->poll, fd);
}

void session_input_close(struct session_input *in)
{
	if (in->fd < 0)
		return;
	uv_close((uv_handle_t *)&in->poll, on_input_closed);
	close(in->fd);
	in->fd = -1;
	if (in->stream)
		mux_consumed(in->stream, 0, in->queue.len - in->sent);
	buf_clear(&in->queue);
	in->sent = 0;
}

/* Bytes that the command took, 0 if it is not ready, -1 if it takes no more for good. */
static ssize_t write_some(const struct session_input *in, const char *bytes, size_t len)
{
	ssize_t done;

	do
		done = write(in->fd, bytes, len);
	while (done < 0 && errno == EINTR);
	return done < 0 && errno == EAGAIN ? 0 : done;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct session_input *in = poll->data;
	ssize_t done = write_some(in, in->queue.ptr + in->sent, in->queue.len - in->sent);

	(void)status;
	(void)events;
	if (done < 0) {
		session_input_close(in);
		return;
	}
	in->sent += (size_t)done;
	if (in->stream)
		mux_consumed(in->stream, 0, (size_t)done);
	if (in->sent < in->queue.len)
		return;
	buf_clear(&in->queue);
	in->sent = 0;
	uv_poll_stop(poll);
	if (in->ended)
		session_input_close(in);
}

void session_input_release(struct session_input *in)
{
	in->held = false;
	if (in->fd >= 0 && in->queue.len > 0)
		uv_poll_start(&in->poll, UV_WRITABLE, on_writable);
}

void session_input_put(struct session_input *in, struct view bytes)
{
	ssize_t done = 0;

	if (in->fd >= 0 && in->queue.len == 0 && !in->held)
		done = write_some(in, bytes.ptr, bytes.len);
	if (done < 0)
		session_input_close(in);
	if (in->fd < 0)
		done = (ssize_t)bytes.len;
	mux_consumed(in->stream, 0, (size_t)done);
	if ((size_t)done == bytes.len)
		return;
	if (in->queue.len == 0 && !in->held)
		uv_poll_start(&in->poll, UV_WRITABLE, on_writable);
	if (in->sent >= LIMIT_STREAM_CREDIT) {
		buf_consume(&in->queue, in->sent);
		in->sent = 0;
	}
	buf_put(&in->queue, bytes.ptr + done, bytes.len - (size_t)done);
}

void session_input_end(struct session_input *in)
{
	in->ended = true;
	if (in->queue.len == 0)
		session_input_close(in);
}
