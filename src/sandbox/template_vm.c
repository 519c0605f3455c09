// SPDX-License-Identifier: MIT
/* The VM of a template in the making: see template_vm.h. */
#include "sandbox/template_vm.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "sandbox/machine.h"
#include "sandbox/session.h"
#include "sandbox/setup.h"
#include "sandbox/setup_stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum {
	STEP_TIMEOUT_MS = 60 * 1000,
	SAVE_TIMEOUT_MS = 30 * 1000,
	REST_LOOK_MS = 50,
	REST_LOOKS = 60,
	REST_TICKS = 1, /* of CPU time between two looks */
};

/* As long as a real id: what is written for a clone then fits where this was. */
#define PLACEHOLDER_ID "vm-00000000"

struct template_vm {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct machine *machine;
	struct setup_stream *setup;
	struct mux_stream *asked; /* PREPARE */
	struct session *session;
	bool answered;
	struct err err; /* ERR_NONE, or why the step failed */
};

static void answer(struct template_vm *vm, const struct err *err)
{
	vm->answered = true;
	if (err)
		vm->err = *err;
	uv_stop(&vm->loop);
}

static void on_ended(void *ctx, const struct err *why)
{
	answer(ctx, why);
}

static void on_deadline(uv_timer_t *timer)
{
	struct err err;

	err_set_(&err, ERR_TIMEOUT, "the guest did not answer within %d s", STEP_TIMEOUT_MS / 1000);
	answer(timer->data, &err);
}

/* Runs the loop until the step that was begun is answered. */
static int await(struct template_vm *vm, struct err *err)
{
	uv_timer_start(&vm->deadline, on_deadline, STEP_TIMEOUT_MS, 0);
	while (!vm->answered)
		uv_run(&vm->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&vm->deadline);
	vm->answered = false;
	if (vm->err.code == ERR_NONE)
		return 0;
	*err = vm->err;
	return -1;
}

int template_vm_start(const struct vmm_ops *vmm, const struct vm_spec *spec,
		      struct template_vm **ret_vm, struct err *err)
{
	AUTO(auto_template_vm) struct template_vm *vm = xcalloc(1, sizeof(*vm));
	const struct machine_owner owner = {on_ended, vm};

	uv_loop_init(&vm->loop);
	uv_timer_init(&vm->loop, &vm->deadline);
	vm->deadline.data = vm;
	if (machine_start(&vm->loop, vmm, spec, NULL, &owner, &vm->machine, err) < 0)
		return -1;
	fault_point("template-vm", &(struct fault_victims){.vmm = machine_pid(vm->machine)});
	*ret_vm = STEAL(vm);
	return 0;
}

void template_vm_free(struct template_vm *vm)
{
	if (!vm)
		return;
	if (vm->session)
		session_cancel(vm->session);
	setup_stream_close(vm->setup);
	machine_close(vm->machine);
	uv_close((uv_handle_t *)&vm->deadline, NULL);
	while (uv_run(&vm->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&vm->loop);
	free(vm);
}

/* --- SETUP --- */

static void on_set_up(void *ctx, const struct agent_steps *steps)
{
	(void)steps;
	answer(ctx, NULL);
}

int template_vm_setup(struct template_vm *vm, const struct sandbox_spec *spec,
		      const struct disks *disks, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	const struct setup_owner owner = {on_set_up, on_ended, vm};

	if (setup_pack(spec, PLACEHOLDER_ID, disks, &request, err) < 0 ||
	    setup_stream_open(&vm->loop, machine_mux(vm->machine),
			      (struct view){request.ptr, request.len}, &owner, &vm->setup, err) < 0)
		return -1;
	return await(vm, err);
}

/* --- a command --- */

static void on_started(void *ctx)
{
	(void)ctx;
}

static void on_output(void *ctx, unsigned channel, struct view bytes)
{
	struct template_vm *vm = ctx;

	session_consumed(vm->session, channel, bytes.len);
}

static void on_input_ready(void *ctx)
{
	(void)ctx;
}

static void on_command_ended(void *ctx, const struct session_result *result)
{
	struct template_vm *vm = ctx;

	vm->session = NULL;
	if (!result->lost) /* else the end of the VM follows */
		answer(vm, NULL);
}

static const struct session_ops session_ops = {
	.started = on_started,
	.output = on_output,
	.input_ready = on_input_ready,
	.ended = on_command_ended,
};

int template_vm_run(struct template_vm *vm, const struct sandbox_spec *spec, struct err *err)
{
	char *argv[] = {(char *)"true", NULL};
	const struct agent_exec exec = {
		.argv = argv,
		.command = argv[0],
		.env = spec->image_config.env,
		.cwd = spec->image_config.working_dir,
		.user = spec->image_config.user,
	};

	if (session_open(machine_mux(vm->machine), &exec, &session_ops, vm, &vm->session, err) < 0)
		return -1;
	return await(vm, err);
}

/* --- PREPARE --- */

static void on_prepared(void *ctx, uint8_t type, struct view payload)
{
	struct template_vm *vm = ctx;
	struct agent_failed failed = {0};
	struct err err;

	if (type == AGENT_READY) {
		answer(vm, NULL);
		return;
	}
	if (type != AGENT_FAILED || agent_failed_unpack(payload, &failed, &err) < 0)
		err_set_(&err, ERR_PROTOCOL, "unexpected message %u of the guest agent", type);
	else
		err_set_(&err, ERR_IO, "the guest cannot be saved: %s", failed.text);
	agent_failed_done(&failed);
	answer(vm, &err);
}

static void on_prepare_closed(void *ctx)
{
	struct template_vm *vm = ctx;

	mux_close(STEAL(vm->asked));
}

static const struct mux_stream_ops prepare_ops = {
	.message = on_prepared,
	.closed = on_prepare_closed,
};

int template_vm_prepare(struct template_vm *vm, const struct agent_prepare *prepare,
			struct err *err)
{
	static const struct agent_prepare nothing = {.waiting = false};
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);

	agent_prepare_pack(&request, prepare ? prepare : &nothing);
	if (buf_check(&request, "the request to prepare", err) < 0 ||
	    mux_open(machine_mux(vm->machine), AGENT_PREPARE,
		     (struct view){request.ptr, request.len}, &prepare_ops, vm, &vm->asked,
		     err) < 0)
		return -1;
	return await(vm, err);
}

/* CPU time of the VM so far, in the kernel's ticks. */
static unsigned long cpu_ticks(const struct template_vm *vm)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/stat", machine_pid(vm->machine));
	AUTO_BUF struct buf text = BUF_INIT(4096);
	unsigned long user = 0, kernel = 0;
	const char *after_name;
	struct err ignored;

	if (fd_read_file(AT_FDCWD, path, &text, &ignored) < 0)
		return 0;
	after_name = strrchr(text.ptr, ')');
	if (after_name)
		sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		       &kernel);
	return user + kernel;
}

/* What the guest still has to do when it is saved, each clone does again. */
static void await_rest(struct template_vm *vm)
{
	const struct timespec step = {.tv_nsec = REST_LOOK_MS * 1000 * 1000};
	unsigned long before = cpu_ticks(vm);

	for (int i = 0; i < REST_LOOKS; i++) {
		unsigned long now;

		nanosleep(&step, NULL);
		now = cpu_ticks(vm);
		if (now - before < REST_TICKS)
			return;
		before = now;
	}
}

int template_vm_save(struct template_vm *vm, int state_fd, struct err *err)
{
	await_rest(vm);
	fault_point("template-rest", &(struct fault_victims){.vmm = machine_pid(vm->machine)});
	if (machine_save(vm->machine, state_fd, SAVE_TIMEOUT_MS, err) < 0)
		return -1;
	fault_point("template-saved", &(struct fault_victims){0});
	return 0;
}
