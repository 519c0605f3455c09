// SPDX-License-Identifier: MIT
/*
 * The SETUP stream: see setup_stream.h.
 *
 * The host's clock is watched by one timer of the kernel: it fires each minute, and is cancelled by
 * the kernel when the clock is set or the host wakes up.
 * Failure modes: the guest refuses, says what it may not, or gives the stream up.  Without such a
 * timer (no descriptor left) the clock is only set once.
 */
#include "sandbox/setup_stream.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_PERIOD_S = 60 };

struct setup_stream {
	struct mux_stream *stream; /* NULL once closed */
	struct setup_owner owner;
	bool ready;
	int timer_fd;
	uv_poll_t timer;
	bool timed;
};

static void arm(const struct setup_stream *setup)
{
	struct itimerspec next = {0};

	clock_gettime(CLOCK_REALTIME, &next.it_value);
	next.it_value.tv_sec += CLOCK_PERIOD_S;
	timerfd_settime(setup->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &next, NULL);
}

static void send_clock(const struct setup_stream *setup)
{
	AUTO_BUF struct buf message = BUF_INIT(64);
	struct timespec now;

	if (!setup->stream)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	agent_clock_pack(&message, &(struct agent_clock){(uint64_t)now.tv_sec * 1000000000u +
							 (uint64_t)now.tv_nsec});
	mux_message(setup->stream, AGENT_CLOCK, (struct view){message.ptr, message.len});
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct setup_stream *setup = poll->data;
	uint64_t times;

	(void)status;
	(void)events;
	if (read(setup->timer_fd, &times, sizeof(times)) < 0 && errno == EAGAIN)
		return;
	send_clock(setup);
	arm(setup);
}

static void watch_clock(struct setup_stream *setup, uv_loop_t *loop)
{
	setup->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (setup->timer_fd < 0 || uv_poll_init(loop, &setup->timer, setup->timer_fd) < 0) {
		log_warn("sandbox", "the guest's clock is set once only: %s", strerror(errno));
		return;
	}
	setup->timed = true;
	setup->timer.data = setup;
	arm(setup);
	uv_poll_start(&setup->timer, UV_READABLE, on_timer);
	uv_unref((uv_handle_t *)&setup->timer);
}

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct setup_stream *setup = ctx;
	struct agent_failed failed = {0};
	struct agent_steps steps;
	struct err err;

	if (type == AGENT_READY && !setup->ready) {
		if (agent_steps_unpack(payload, &steps, &err) == 0) {
			setup->ready = true;
			send_clock(setup);
			setup->owner.ready(setup->owner.ctx, &steps);
			return;
		}
	} else if (type != AGENT_FAILED) {
		err_set_(&err, ERR_PROTOCOL, "unexpected message %u of the guest agent", type);
	} else if (agent_failed_unpack(payload, &failed, &err) == 0) {
		err_set_(&err, ERR_INVALID, "the guest could not be set up: %s", failed.text);
	}
	agent_failed_done(&failed);
	setup->owner.failed(setup->owner.ctx, &err);
}

static void on_closed(void *ctx)
{
	struct setup_stream *setup = ctx;
	bool all = mux_is_ending(setup->stream);
	struct err err;

	mux_close(STEAL(setup->stream));
	if (all)
		return; /* the end of the machine follows and says why */
	err_set_(&err, ERR_PROTOCOL, "the guest agent gave the set-up up without a word");
	if (!setup->ready)
		setup->owner.failed(setup->owner.ctx, &err);
}

static const struct mux_stream_ops stream_ops = {.message = on_message, .closed = on_closed};

int setup_stream_open(uv_loop_t *loop, struct mux *mux, struct view request,
		      const struct setup_owner *owner, struct setup_stream **ret_stream,
		      struct err *err)
{
	struct setup_stream *setup = xcalloc(1, sizeof(*setup));

	setup->owner = *owner;
	setup->timer_fd = -1;
	if (mux_open(mux, AGENT_SETUP, request, &stream_ops, setup, &setup->stream, err) < 0) {
		free(setup);
		return -1;
	}
	watch_clock(setup, loop);
	*ret_stream = setup;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void setup_stream_close(struct setup_stream *setup)
{
	if (!setup)
		return;
	if (setup->stream)
		mux_close(STEAL(setup->stream));
	if (setup->timed)
		uv_poll_stop(&setup->timer);
	auto_close_(&setup->timer_fd);
	if (setup->timed)
		uv_close((uv_handle_t *)&setup->timer, on_timer_closed);
	else
		free(setup);
}
