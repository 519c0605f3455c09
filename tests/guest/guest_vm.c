// SPDX-License-Identifier: MIT
/* A VM for tests: see guest_vm.h.  Every wait runs the loop with one deadline timer. */
#include "guest_vm_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/random.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 120000, END_MS = 5000, PREPARE_TRIES = 100, PREPARE_STEP_US = 50000 };

/* --- waiting --- */

void guest_vm_die(struct guest_vm *vm, const char *why)
{
	printf("Bail out! %s; console:\n", why);
	fflush(stdout);
	vmm_qemu.free(vm->vm);
	execlp("tail", "tail", "-n", "30", vm->console, (char *)NULL);
	abort();
}

static void on_deadline(uv_timer_t *timer)
{
	guest_vm_die(timer->data, "the guest did not answer in time");
}

void guest_vm_wait(struct guest_vm *vm, const bool *flag)
{
	uv_timer_start(&vm->deadline, on_deadline, DEADLINE_MS, 0);
	while (!*flag)
		uv_run(&vm->loop, UV_RUN_ONCE);
	uv_timer_stop(&vm->deadline);
}

/* --- QEMU --- */

static int open_or_die(struct guest_vm *vm, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0) {
		printf("# %s\n", path);
		guest_vm_die(vm, "a file of the test is missing");
	}
	return fd;
}

static void start_qemu(struct guest_vm *vm, const struct guest_vm_spec *spec, int channel_fd)
{
	struct vm_disk disks[LIMIT_DISKS];
	struct accel_probe probe = {0};
	struct vm_spec vm_spec = {
		.begin = spec->begin,
		.ram_fd = spec->ram_fd,
		.state_fd = spec->state_fd,
		.accel = ACCEL_TCG,
		.cpus = 1,
		.memory_mb = GUEST_VM_MB,
		.kernel_fd = open_or_die(vm, spec->kernel, O_RDONLY),
		.initramfs_fd = open_or_die(vm, spec->initramfs, O_RDONLY),
		.disks = disks,
		.disk_count = spec->unplugged ? 0 : spec->disk_count,
		.slots = spec->slots,
		.net_fd = spec->net_fd,
		.channel_fd = channel_fd,
		.console_fd = open_or_die(vm, spec->console, O_WRONLY | O_CREAT | O_TRUNC),
		.stderr_fd = STDERR_FILENO,
	};
	struct err err;

	for (size_t i = 0; i < vm_spec.disk_count; i++) {
		bool read_only = spec->disks[i].disk.read_only;

		disks[i].read_only = read_only;
		disks[i].fd = open_or_die(vm, spec->disks[i].file, read_only ? O_RDONLY : O_RDWR);
	}
	if (accel_probe(spec->cache_dir, &probe, &err) < 0)
		guest_vm_die(vm, err.msg);
	vm_spec.tsc_khz = probe.tsc_khz;
	fflush(stdout);
	if (vmm_qemu.start(&vm_spec, &vm->vm, &err) < 0)
		guest_vm_die(vm, err.msg);
	for (size_t i = 0; i < vm_spec.disk_count; i++)
		close(disks[i].fd);
	close(vm_spec.kernel_fd);
	close(vm_spec.initramfs_fd);
	close(vm_spec.console_fd);
}

static void on_attend(uv_poll_t *poll, int status, int events)
{
	struct guest_vm *vm = poll->data;

	(void)status;
	(void)events;
	vmm_qemu.attend(vm->vm);
}

static void attend(struct guest_vm *vm)
{
	int fd = vmm_qemu.attend_fd(vm->vm);

	if (fd < 0)
		return;
	vm->attended = true;
	vm->attend.data = vm;
	uv_poll_init(&vm->loop, &vm->attend, fd);
	uv_poll_start(&vm->attend, UV_READABLE, on_attend);
}

static void guest_vm_free(struct guest_vm *vm)
{
	channel_close(vm->channel, NULL, NULL);
	uv_close((uv_handle_t *)&vm->deadline, NULL);
	if (vm->attended)
		uv_close((uv_handle_t *)&vm->attend, NULL);
	uv_run(&vm->loop, UV_RUN_DEFAULT);
	uv_loop_close(&vm->loop);
	vmm_qemu.free(vm->vm);
	close(vm->fd);
	buf_done(&vm->setup);
	free(vm->console);
	free(vm);
}

/* --- single answers: SETUP, PREPARE, SHUTDOWN --- */

struct answer {
	uint8_t kind;
	bool closed;
	uint8_t type;
	struct mux_stream *stream;
	char *text;
};

static void send_clock(struct mux_stream *stream)
{
	AUTO_BUF struct buf message = BUF_INIT(64);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	agent_clock_pack(&message, &(struct agent_clock){(uint64_t)now.tv_sec * 1000000000u +
							 (uint64_t)now.tv_nsec});
	mux_message(stream, AGENT_CLOCK, (struct view){message.ptr, message.len});
}

static void on_answer(void *ctx, uint8_t type, struct view payload)
{
	struct answer *answer = ctx;
	struct agent_failed failed;
	struct err err;

	answer->type = type;
	if (type == AGENT_READY && answer->kind == AGENT_SETUP) { /* the guest keeps it open */
		send_clock(answer->stream);
		mux_close(answer->stream);
		answer->closed = true;
	}
	if (type == AGENT_FAILED && agent_failed_unpack(payload, &failed, &err) == 0) {
		snprintf(answer->text, GUEST_TEXT, "%s", failed.text);
		agent_failed_done(&failed);
	}
}

/* A guest that is prepared has forgotten the stream: nothing may be said on it. */
static void on_answer_closed(void *ctx)
{
	struct answer *answer = ctx;

	if (answer->kind != AGENT_PREPARE || answer->type != AGENT_READY)
		mux_close(answer->stream);
	answer->closed = true;
}

static const struct mux_stream_ops answer_ops = {.message = on_answer, .closed = on_answer_closed};

uint8_t guest_vm_ask(struct guest_vm *vm, uint8_t kind, struct view request,
		     char ret_text[GUEST_TEXT])
{
	struct answer answer = {.kind = kind, .text = ret_text};
	struct err err;

	ret_text[0] = '\0';
	if (mux_open(channel_mux(vm->channel), kind, request, &answer_ops, &answer, &answer.stream,
		     &err) < 0)
		guest_vm_die(vm, err.msg);
	guest_vm_wait(vm, &answer.closed);
	if (answer.kind == AGENT_SETUP)
		channel_flush(vm->channel); /* the clock grows old */
	return answer.type;
}

/* Streams end with the channel: whoever waits for one sees that. */
static void on_broken(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

static const struct channel_ops channel_ops = {.broken = on_broken};

static void open_channel(struct guest_vm *vm)
{
	struct err err;

	if (channel_open(&vm->loop, vm->fd, MUX_HOST, &channel_ops, vm, &vm->channel, &err) < 0)
		guest_vm_die(vm, err.msg);
}

struct guest_vm *guest_vm_begin(const struct guest_vm_spec *spec)
{
	struct guest_vm *vm = xcalloc(1, sizeof(*vm));
	struct err err;
	int pair[2];

	vm->console = xstrdup(spec->console);
	vm->setup = (struct buf)BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	uv_loop_init(&vm->loop);
	uv_timer_init(&vm->loop, &vm->deadline);
	vm->deadline.data = vm;
	if (fd_socketpair(pair, &err) < 0 || fd_set_nonblock(pair[0], true, &err) < 0)
		guest_vm_die(vm, err.msg);
	vm->fd = pair[0];
	start_qemu(vm, spec, pair[1]);
	close(pair[1]);
	attend(vm);
	open_channel(vm);
	return vm;
}

bool guest_vm_setup(struct guest_vm *vm, const struct guest_vm_spec *spec,
		    char ret_text[GUEST_TEXT])
{
	struct agent_setup setup = spec->setup;
	struct agent_disk disks[LIMIT_DISKS];

	for (size_t i = 0; i < spec->disk_count; i++)
		disks[i] = spec->disks[i].disk;
	setup.protocol = AGENT_PROTOCOL;
	random_bytes(setup.entropy, sizeof(setup.entropy));
	setup.disks = disks;
	setup.disk_count = spec->disk_count;
	buf_clear(&vm->setup);
	agent_setup_pack(&vm->setup, &setup);
	return guest_vm_ask(vm, AGENT_SETUP, (struct view){vm->setup.ptr, vm->setup.len},
			    ret_text) == AGENT_READY;
}

bool guest_vm_start(const struct guest_vm_spec *spec, struct guest_vm **ret_vm,
		    char ret_text[GUEST_TEXT])
{
	*ret_vm = guest_vm_begin(spec);
	return guest_vm_setup(*ret_vm, spec, ret_text);
}

bool guest_vm_prepare(struct guest_vm *vm, const struct agent_prepare *prepare,
		      char ret_text[GUEST_TEXT])
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);

	agent_prepare_pack(&request, prepare);
	if (guest_vm_ask(vm, AGENT_PREPARE, (struct view){request.ptr, request.len}, ret_text) !=
	    AGENT_READY)
		return false;
	channel_close(vm->channel, NULL, NULL);
	uv_run(&vm->loop, UV_RUN_NOWAIT);
	open_channel(vm);
	return true;
}

void guest_vm_make_wait(struct guest_vm *vm, bool waiting)
{
	vm->waiting = waiting;
}

void guest_vm_setup_again(struct guest_vm *vm)
{
	char text[GUEST_TEXT];

	if (guest_vm_ask(vm, AGENT_SETUP, (struct view){vm->setup.ptr, vm->setup.len}, text) !=
	    AGENT_READY)
		guest_vm_die(vm, text);
}

void guest_vm_again(struct guest_vm *vm, const struct guest_run *run)
{
	const struct agent_prepare prepare = {
		.waiting = true, .user = (char *)run->user, .cwd = (char *)run->cwd};
	char text[GUEST_TEXT];

	/* What was cancelled may still be about to end. */
	for (unsigned i = 0; !guest_vm_prepare(vm, &prepare, text); i++) {
		if (i == PREPARE_TRIES || strcmp(text, "commands still run") != 0)
			guest_vm_die(vm, text);
		usleep(PREPARE_STEP_US);
	}
	guest_vm_setup_again(vm);
}

bool guest_vm_save(struct guest_vm *vm, int state_fd)
{
	struct err err;
	bool good = vmm_qemu.save(vm->vm, state_fd, DEADLINE_MS, &err) == 0;

	if (!good)
		printf("# %s\n", err.msg);
	guest_vm_free(vm);
	return good;
}

/* --- the end --- */

static bool await_qemu(struct guest_vm *vm)
{
	struct pollfd ended = {vmm_qemu.exit_fd(vm->vm), POLLIN, 0};
	char how[128];

	if (poll(&ended, 1, END_MS) != 1)
		return false;
	vmm_qemu.describe_exit(vm->vm, how, sizeof(how));
	return strncmp(how, "exit status 0", strlen("exit status 0")) == 0;
}

void guest_vm_kill(struct guest_vm *vm)
{
	guest_vm_free(vm);
}

void guest_vm_hang_up(struct guest_vm *vm)
{
	shutdown(vm->fd, SHUT_RDWR);
}

bool guest_vm_await_end(struct guest_vm *vm)
{
	bool good = await_qemu(vm);

	guest_vm_free(vm);
	return good;
}

bool guest_vm_stop(struct guest_vm *vm, unsigned grace_ms, uint64_t *ret_ms)
{
	AUTO_BUF struct buf request = BUF_INIT(64);
	const struct agent_shutdown shutdown = {grace_ms};
	uint64_t start = clock_monotonic_ms();
	char text[GUEST_TEXT];
	bool done;

	agent_shutdown_pack(&request, &shutdown);
	done = guest_vm_ask(vm, AGENT_SHUTDOWN, (struct view){request.ptr, request.len}, text) ==
	       AGENT_DONE;
	done = await_qemu(vm) && done;
	*ret_ms = clock_monotonic_ms() - start;
	guest_vm_free(vm);
	return done;
}
