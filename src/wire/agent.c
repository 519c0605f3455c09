// SPDX-License-Identifier: MIT
/*
 * Encoding of the agent's messages: see agent.h.  The order of the fields is the order of the
 * struct.  Decoders free what they filled when they fail.
 */
#include "wire/agent.h"

#include "base/alloc.h"
#include "base/guest_net.h"
#include "base/limits.h"
#include "base/strv.h"
#include "wire/pack.h"

#include <stdlib.h>
#include <string.h>

void agent_setup_pack(struct buf *buf, const struct agent_setup *setup)
{
	pack_u32(buf, setup->protocol);
	buf_put(buf, setup->entropy, sizeof(setup->entropy));
	buf_put(buf, setup->machine_id, sizeof(setup->machine_id));
	pack_str(buf, setup->hostname);
	pack_u8(buf, setup->privileged);
	pack_u64(buf, setup->cpu_quota_us);
	pack_u32(buf, setup->mtu);
	pack_strv(buf, setup->dns);
	pack_strv(buf, setup->hosts);
	pack_u32(buf, (uint32_t)setup->disk_count);
	for (size_t i = 0; i < setup->disk_count; i++) {
		pack_u8(buf, (uint8_t)setup->disks[i].role);
		pack_u8(buf, setup->disks[i].read_only);
		pack_str(buf, setup->disks[i].path);
	}
}

static void unpack_array(struct unpack *in, unsigned char *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = unpack_u8(in);
}

static bool unpack_bool(struct unpack *in)
{
	uint8_t value = unpack_u8(in);

	if (value > 1)
		in->failed = true;
	return value == 1;
}

static void unpack_disks(struct unpack *in, struct agent_setup *setup)
{
	uint32_t count = unpack_u32(in);

	if (count > LIMIT_DISKS) {
		in->failed = true;
		return;
	}
	setup->disks = xcalloc(count, sizeof(*setup->disks));
	setup->disk_count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t role = unpack_u8(in);

		if (role > AGENT_DISK_DATA)
			in->failed = true;
		setup->disks[i].role = (enum agent_disk_role)role;
		setup->disks[i].read_only = unpack_bool(in);
		setup->disks[i].path = unpack_str(in);
	}
}

int agent_setup_unpack(struct view bytes, struct agent_setup *ret_setup, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_setup setup = {0};

	setup.protocol = unpack_u32(&in);
	/* Another build's message: nothing behind the first field can be trusted to mean the same.
	 */
	if (!in.failed && setup.protocol != AGENT_PROTOCOL)
		return err_set(err, ERR_PROTOCOL,
			       "host and guest-init are of different builds (protocol %u and %d)",
			       setup.protocol, AGENT_PROTOCOL);
	unpack_array(&in, setup.entropy, sizeof(setup.entropy));
	unpack_array(&in, setup.machine_id, sizeof(setup.machine_id));
	setup.hostname = unpack_str(&in);
	setup.privileged = unpack_bool(&in);
	setup.cpu_quota_us = unpack_u64(&in);
	setup.mtu = unpack_u32(&in);
	if (setup.mtu > NET_MTU_MAX || (setup.mtu > 0 && setup.mtu < NET_MTU_MIN))
		in.failed = true;
	setup.dns = unpack_strv(&in);
	setup.hosts = unpack_strv(&in);
	unpack_disks(&in, &setup);
	if (unpack_done(&in, "setup message", err) < 0) {
		agent_setup_done(&setup);
		return -1;
	}
	*ret_setup = setup;
	return 0;
}

void agent_setup_done(struct agent_setup *setup)
{
	explicit_bzero(setup->entropy, sizeof(setup->entropy));
	free(setup->hostname);
	strv_free(setup->dns);
	strv_free(setup->hosts);
	for (size_t i = 0; i < setup->disk_count; i++)
		free(setup->disks[i].path);
	free(setup->disks);
	*setup = (struct agent_setup){0};
}

void agent_exec_pack(struct buf *buf, const struct agent_exec *exec)
{
	pack_u32(buf, exec->flags);
	pack_strv(buf, exec->argv);
	pack_str(buf, exec->command);
	pack_strv(buf, exec->env);
	pack_str(buf, exec->cwd);
	pack_str(buf, exec->user);
	pack_u32(buf, exec->rows);
	pack_u32(buf, exec->cols);
	pack_u32(buf, exec->grace_ms);
}

static uint16_t unpack_u16(struct unpack *in)
{
	uint32_t value = unpack_u32(in);

	if (value > UINT16_MAX)
		in->failed = true;
	return (uint16_t)value;
}

int agent_exec_unpack(struct view bytes, struct agent_exec *ret_exec, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_exec exec = {0};

	exec.flags = unpack_u32(&in);
	if (exec.flags & ~(uint32_t)(AGENT_EXEC_STDIN | AGENT_EXEC_TTY))
		in.failed = true;
	exec.argv = unpack_strv(&in);
	exec.command = unpack_str(&in);
	exec.env = unpack_strv(&in);
	exec.cwd = unpack_str(&in);
	exec.user = unpack_str(&in);
	exec.rows = unpack_u16(&in);
	exec.cols = unpack_u16(&in);
	exec.grace_ms = unpack_u32(&in);
	if (unpack_done(&in, "exec message", err) < 0) {
		agent_exec_done(&exec);
		return -1;
	}
	*ret_exec = exec;
	return 0;
}

void agent_exec_done(struct agent_exec *exec)
{
	strv_free(exec->argv);
	free(exec->command);
	strv_free(exec->env);
	free(exec->cwd);
	free(exec->user);
	*exec = (struct agent_exec){0};
}

void agent_failed_pack(struct buf *buf, const struct agent_failed *failed)
{
	pack_u32(buf, failed->exit_code);
	pack_str(buf, failed->text);
}

/* The text is for a terminal. */
static void tame(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

int agent_failed_unpack(struct view bytes, struct agent_failed *ret_failed, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_failed failed = {0};

	failed.exit_code = unpack_u32(&in);
	failed.text = unpack_str(&in);
	tame(failed.text);
	if (failed.exit_code > 255)
		in.failed = true;
	if (unpack_done(&in, "failure message", err) < 0) {
		agent_failed_done(&failed);
		return -1;
	}
	*ret_failed = failed;
	return 0;
}

void agent_failed_done(struct agent_failed *failed)
{
	free(failed->text);
	*failed = (struct agent_failed){0};
}

void agent_exited_pack(struct buf *buf, const struct agent_exited *exited)
{
	pack_u32(buf, exited->code);
	pack_u32(buf, exited->signal);
	pack_u32(buf, exited->start_us);
	pack_u32(buf, exited->run_us);
}

int agent_exited_unpack(struct view bytes, struct agent_exited *ret_exited, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_exited exited = {0};

	exited.code = unpack_u32(&in);
	exited.signal = unpack_u32(&in);
	exited.start_us = unpack_u32(&in);
	exited.run_us = unpack_u32(&in);
	if (exited.code > 255 || exited.signal > 127)
		in.failed = true;
	if (unpack_done(&in, "exit message", err) < 0)
		return -1;
	*ret_exited = exited;
	return 0;
}

const char *agent_step_name(uint8_t step)
{
	static const char *const names[AGENT_STEP_COUNT] = {
		[AGENT_STEP_ENTROPY] = "entropy",     [AGENT_STEP_IDENTITY] = "identity",
		[AGENT_STEP_GROUPS] = "groups",	      [AGENT_STEP_DISKS] = "disks",
		[AGENT_STEP_CONTAINER] = "container", [AGENT_STEP_NETWORK] = "network",
	};

	return step < AGENT_STEP_COUNT && names[step] ? names[step] : "?";
}

void agent_steps_pack(struct buf *buf, const struct agent_steps *steps)
{
	pack_u8(buf, (uint8_t)steps->count);
	for (size_t i = 0; i < steps->count; i++) {
		pack_u8(buf, steps->steps[i].step);
		pack_u32(buf, steps->steps[i].us);
	}
}

int agent_steps_unpack(struct view bytes, struct agent_steps *ret_steps, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_steps steps = {.count = unpack_u8(&in)};

	if (steps.count > ARRAY_SIZE(steps.steps))
		in.failed = true;
	for (size_t i = 0; i < steps.count && !in.failed; i++) {
		steps.steps[i].step = unpack_u8(&in);
		steps.steps[i].us = unpack_u32(&in);
	}
	if (unpack_done(&in, "ready message", err) < 0)
		return -1;
	*ret_steps = steps;
	return 0;
}

void agent_prepare_pack(struct buf *buf, const struct agent_prepare *prepare)
{
	pack_u8(buf, prepare->waiting);
	pack_str(buf, prepare->user);
	pack_str(buf, prepare->cwd);
}

int agent_prepare_unpack(struct view bytes, struct agent_prepare *ret_prepare, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_prepare prepare = {.waiting = unpack_bool(&in)};

	prepare.user = unpack_str(&in);
	prepare.cwd = unpack_str(&in);
	if (unpack_done(&in, "prepare message", err) < 0) {
		agent_prepare_done(&prepare);
		return -1;
	}
	*ret_prepare = prepare;
	return 0;
}

void agent_prepare_done(struct agent_prepare *prepare)
{
	free(prepare->user);
	free(prepare->cwd);
	*prepare = (struct agent_prepare){0};
}

void agent_clock_pack(struct buf *buf, const struct agent_clock *clock)
{
	pack_u64(buf, clock->wall_ns);
}

int agent_clock_unpack(struct view bytes, struct agent_clock *ret_clock, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_clock clock = {unpack_u64(&in)};

	if (unpack_done(&in, "clock message", err) < 0)
		return -1;
	*ret_clock = clock;
	return 0;
}

void agent_signal_pack(struct buf *buf, uint32_t signal)
{
	pack_u32(buf, signal);
}

int agent_signal_unpack(struct view bytes, uint32_t *ret_signal, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	uint32_t signal = unpack_u32(&in);

	if (signal == 0 || signal > 64)
		in.failed = true;
	if (unpack_done(&in, "signal message", err) < 0)
		return -1;
	*ret_signal = signal;
	return 0;
}

void agent_size_pack(struct buf *buf, const struct agent_size *size)
{
	pack_u32(buf, size->rows);
	pack_u32(buf, size->cols);
}

int agent_size_unpack(struct view bytes, struct agent_size *ret_size, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_size size = {0};

	size.rows = unpack_u16(&in);
	size.cols = unpack_u16(&in);
	if (unpack_done(&in, "resize message", err) < 0)
		return -1;
	*ret_size = size;
	return 0;
}

void agent_connect_pack(struct buf *buf, const struct agent_connect *connect)
{
	pack_u32(buf, connect->port);
	pack_u32(buf, connect->credit);
}

int agent_connect_unpack(struct view bytes, struct agent_connect *ret_connect, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_connect connect = {0};

	connect.port = unpack_u16(&in);
	connect.credit = unpack_u32(&in);
	if (connect.port == 0 || connect.credit == 0 || connect.credit > LIMIT_STREAM_CREDIT)
		in.failed = true;
	if (unpack_done(&in, "connect message", err) < 0)
		return -1;
	*ret_connect = connect;
	return 0;
}

void agent_shutdown_pack(struct buf *buf, const struct agent_shutdown *shutdown)
{
	pack_u32(buf, shutdown->grace_ms);
}

int agent_shutdown_unpack(struct view bytes, struct agent_shutdown *ret_shutdown, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct agent_shutdown shutdown = {unpack_u32(&in)};

	if (unpack_done(&in, "shutdown message", err) < 0)
		return -1;
	*ret_shutdown = shutdown;
	return 0;
}
