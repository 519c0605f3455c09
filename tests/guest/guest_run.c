// SPDX-License-Identifier: MIT
/* Commands in a VM for tests: see guest_vm.h.  Each runs the loop until its stream is closed. */
#include "guest_vm_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

struct running {
	struct guest_vm *vm;
	struct guest_run *run;
	struct mux_stream *stream;
	bool closed, input_ended;
	size_t input_sent;
	size_t rounds_left;
	uv_timer_t cancel, signal, resize;
};

static void send_input(struct running *r)
{
	const struct view *input = &r->run->input;

	while (!r->input_ended && !r->closed) {
		r->input_sent += mux_send(r->stream, 0, input->ptr + r->input_sent,
					  input->len - r->input_sent);
		if (r->input_sent < input->len)
			return;
		r->input_sent = 0;
		if (r->rounds_left-- > 0)
			continue;
		r->input_ended = true;
		mux_end(r->stream, 0);
	}
}

static void on_run_data(void *ctx, unsigned channel, struct view bytes)
{
	struct running *r = ctx;

	if (channel == 1) {
		r->run->out_bytes += bytes.len;
		r->run->out_sum += (unsigned char)bytes.ptr[0];
	}
	if (channel == 1 && r->run->seen)
		r->run->seen(r->run->ctx, bytes);
	if (!r->run->count_only)
		buf_put(channel == 1 ? &r->run->out : &r->run->err, bytes.ptr, bytes.len);
	mux_consumed(r->stream, channel, bytes.len);
}

static void on_run_end(void *ctx, unsigned channel)
{
	(void)ctx;
	(void)channel;
}

static void on_run_message(void *ctx, uint8_t type, struct view payload)
{
	struct guest_run *run = ((struct running *)ctx)->run;
	struct agent_failed failed;
	struct agent_exited exited;
	struct err err;

	if (type == AGENT_STARTED) {
		run->started = true;
	} else if (type == AGENT_FAILED && agent_failed_unpack(payload, &failed, &err) == 0) {
		run->failed = true;
		run->code = failed.exit_code;
		snprintf(run->text, sizeof(run->text), "%s", failed.text);
		agent_failed_done(&failed);
	} else if (type == AGENT_EXITED && agent_exited_unpack(payload, &exited, &err) == 0) {
		run->exited = true;
		run->code = exited.code;
		run->signalled = exited.signal;
		run->start_us = exited.start_us;
		run->run_us = exited.run_us;
	}
}

static void on_run_writable(void *ctx, unsigned channel)
{
	(void)channel;
	send_input(ctx);
}

static void on_run_closed(void *ctx)
{
	struct running *r = ctx;

	if (r->closed)
		return;
	r->closed = true;
	mux_close(r->stream);
}

static const struct mux_stream_ops run_ops = {
	.data = on_run_data,
	.end = on_run_end,
	.message = on_run_message,
	.writable = on_run_writable,
	.closed = on_run_closed,
};

static void on_cancel(uv_timer_t *timer)
{
	on_run_closed(timer->data);
}

static void on_signal(uv_timer_t *timer)
{
	struct running *r = timer->data;
	AUTO_BUF struct buf buf = BUF_INIT(64);

	agent_signal_pack(&buf, r->run->signal);
	mux_message(r->stream, AGENT_SIGNAL, (struct view){buf.ptr, buf.len});
}

static void on_resize(uv_timer_t *timer)
{
	struct running *r = timer->data;
	AUTO_BUF struct buf buf = BUF_INIT(64);
	const struct agent_size size = {50, 132};

	agent_size_pack(&buf, &size);
	mux_message(r->stream, AGENT_RESIZE, (struct view){buf.ptr, buf.len});
}

static void arm(struct running *r, uv_timer_t *timer, unsigned after_ms, uv_timer_cb fired)
{
	uv_timer_init(&r->vm->loop, timer);
	timer->data = r;
	if (after_ms)
		uv_timer_start(timer, fired, after_ms, 0);
}

static void pack_run(const struct guest_run *run, struct buf *request)
{
	char *words[] = {(char *)run->command, NULL};
	struct agent_exec exec = {
		.flags = (run->input.ptr ? AGENT_EXEC_STDIN : 0u) |
			 (run->terminal ? AGENT_EXEC_TTY : 0u),
		.argv = run->argv ? run->argv : words,
		.command = (char *)run->command,
		.env = (char **)run->env,
		.cwd = (char *)run->cwd,
		.user = (char *)run->user,
		.rows = run->rows,
		.cols = run->cols,
		.grace_ms = run->grace_ms,
	};

	agent_exec_pack(request, &exec);
}

void guest_vm_run(struct guest_vm *vm, struct guest_run *run)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	struct running *r = xcalloc(1, sizeof(*r));
	uint64_t start;
	struct err err;

	if (vm->waiting)
		guest_vm_again(vm, run);
	start = clock_monotonic_ms();
	run->out = (struct buf)BUF_INIT(16 * 1024 * 1024);
	run->err = (struct buf)BUF_INIT(1024 * 1024);
	r->vm = vm;
	r->run = run;
	r->input_ended = !run->input.ptr;
	r->rounds_left = run->input_repeat;
	pack_run(run, &request);
	if (mux_open(channel_mux(vm->channel), AGENT_EXEC, (struct view){request.ptr, request.len},
		     &run_ops, r, &r->stream, &err) < 0)
		guest_vm_die(vm, err.msg);
	arm(r, &r->cancel, run->cancel_after_ms, on_cancel);
	arm(r, &r->signal, run->signal_after_ms, on_signal);
	arm(r, &r->resize, run->resize_after_ms, on_resize);
	send_input(r);
	guest_vm_wait(vm, &r->closed);
	run->ms = clock_monotonic_ms() - start;
	uv_close((uv_handle_t *)&r->cancel, NULL);
	uv_close((uv_handle_t *)&r->signal, NULL);
	uv_close((uv_handle_t *)&r->resize, NULL);
	uv_run(&vm->loop, UV_RUN_NOWAIT);
	free(r);
}

void guest_run_done(struct guest_run *run)
{
	buf_done(&run->out);
	buf_done(&run->err);
}

const char *guest_vm_output(struct guest_vm *vm, const char *command)
{
	struct guest_run run = {.command = command};

	guest_vm_run(vm, &run);
	snprintf(vm->output, sizeof(vm->output), "%s%s%s", run.failed ? run.text : "", run.out.ptr,
		 run.err.ptr);
	guest_run_done(&run);
	return vm->output;
}
