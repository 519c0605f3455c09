// SPDX-License-Identifier: MIT
/*
 * The decoders of wire/agent.c.  Input: byte 0 chooses the decoder, the rest is the message.
 *
 * Besides not crashing: what is accepted is encoded again to the very same bytes, so nothing in a
 * message is ignored and no two messages mean the same, but for control characters in a text that
 * is for a terminal.
 */
#include "wire/agent.h"

#include "base/limits.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static int setup(struct view in, struct buf *out, struct err *err)
{
	struct agent_setup setup = {0};

	if (agent_setup_unpack(in, &setup, err) < 0)
		return -1;
	assert(setup.disk_count <= LIMIT_DISKS && setup.hostname);
	agent_setup_pack(out, &setup);
	agent_setup_done(&setup);
	return 0;
}

static int exec(struct view in, struct buf *out, struct err *err)
{
	struct agent_exec exec = {0};

	if (agent_exec_unpack(in, &exec, err) < 0)
		return -1;
	assert(exec.argv && exec.command && exec.env && exec.cwd && exec.user);
	agent_exec_pack(out, &exec);
	agent_exec_done(&exec);
	return 0;
}

static int failed(struct view in, struct buf *out, struct err *err)
{
	struct agent_failed failed = {0};

	if (agent_failed_unpack(in, &failed, err) < 0)
		return -1;
	assert(failed.exit_code <= 255 && failed.text);
	agent_failed_pack(out, &failed);
	agent_failed_done(&failed);
	return 0;
}

static int exited(struct view in, struct buf *out, struct err *err)
{
	struct agent_exited exited = {0};

	if (agent_exited_unpack(in, &exited, err) < 0)
		return -1;
	assert(exited.code <= 255);
	agent_exited_pack(out, &exited);
	return 0;
}

static int signalled(struct view in, struct buf *out, struct err *err)
{
	uint32_t number = 0;

	if (agent_signal_unpack(in, &number, err) < 0)
		return -1;
	assert(number > 0 && number <= 64);
	agent_signal_pack(out, number);
	return 0;
}

static int resized(struct view in, struct buf *out, struct err *err)
{
	struct agent_size size = {0};

	if (agent_size_unpack(in, &size, err) < 0)
		return -1;
	agent_size_pack(out, &size);
	return 0;
}

static int shut_down(struct view in, struct buf *out, struct err *err)
{
	struct agent_shutdown request = {0};

	if (agent_shutdown_unpack(in, &request, err) < 0)
		return -1;
	agent_shutdown_pack(out, &request);
	return 0;
}

static int steps(struct view in, struct buf *out, struct err *err)
{
	struct agent_steps steps = {0};

	if (agent_steps_unpack(in, &steps, err) < 0)
		return -1;
	for (size_t i = 0; i < steps.count; i++)
		assert(agent_step_name(steps.steps[i].step)[0]);
	agent_steps_pack(out, &steps);
	return 0;
}

static int prepare(struct view in, struct buf *out, struct err *err)
{
	struct agent_prepare prepare = {0};

	if (agent_prepare_unpack(in, &prepare, err) < 0)
		return -1;
	agent_prepare_pack(out, &prepare);
	agent_prepare_done(&prepare);
	return 0;
}

static int clock_set(struct view in, struct buf *out, struct err *err)
{
	struct agent_clock clock = {0};

	if (agent_clock_unpack(in, &clock, err) < 0)
		return -1;
	agent_clock_pack(out, &clock);
	return 0;
}

static int connect_to(struct view in, struct buf *out, struct err *err)
{
	struct agent_connect connect = {0};

	if (agent_connect_unpack(in, &connect, err) < 0)
		return -1;
	assert(connect.port > 0 && connect.credit > 0 && connect.credit <= LIMIT_STREAM_CREDIT);
	agent_connect_pack(out, &connect);
	return 0;
}

typedef int decode_fn(struct view in, struct buf *out, struct err *err);

/* In the order of fuzz/seeds.c. */
static decode_fn *const decoders[] = {
	setup,	   exec,  failed,  exited,    signalled,  resized,
	shut_down, steps, prepare, clock_set, connect_to,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf again = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	struct err err = {0};
	decode_fn *decode;
	struct view in;

	if (size == 0)
		return 0;
	in = (struct view){(const char *)data + 1, size - 1};
	decode = decoders[data[0] % ARRAY_SIZE(decoders)];
	if (decode(in, &again, &err) < 0) {
		assert(err.code == ERR_PROTOCOL && err.msg[0]);
		return 0;
	}
	assert(again.len == in.len);
	assert(memcmp(again.ptr, in.ptr, in.len) == 0 || decode == failed);
	return 0;
}
