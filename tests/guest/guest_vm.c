// SPDX-License-Identifier: MIT
/* A VM for tests: see guest_vm.h.  Every wait runs the loop with one deadline timer. */
#include "guest_vm.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/strv.h"
#include "wire/channel.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 120000, CHANNEL_FD = 3 };

struct guest_vm {
	uv_loop_t loop;
	uv_timer_t deadline;
	pid_t pid;
	int fd;
	struct channel *channel;
	bool broken;
	char *console;
	struct buf answer;
	char output[65536];
};

/* --- waiting --- */

static void die(struct guest_vm *vm, const char *why)
{
	printf("Bail out! %s; console:\n", why);
	fflush(stdout);
	if (vm->console)
		execlp("tail", "tail", "-n", "30", vm->console, (char *)NULL);
	abort();
}

static void on_deadline(uv_timer_t *timer)
{
	struct guest_vm *vm = timer->data;

	kill(vm->pid, SIGKILL);
	die(vm, "the guest did not answer in time");
}

static void wait_until(struct guest_vm *vm, const bool *flag)
{
	uv_timer_start(&vm->deadline, on_deadline, DEADLINE_MS, 0);
	while (!*flag)
		uv_run(&vm->loop, UV_RUN_ONCE);
	uv_timer_stop(&vm->deadline);
}

/* --- QEMU --- */

static unsigned long tsc_khz(void)
{
	uint64_t start = clock_monotonic_ns(), end;
	unsigned long long from = __builtin_ia32_rdtsc(), to;

	do {
		end = clock_monotonic_ns();
		to = __builtin_ia32_rdtsc();
	} while (end - start < 100 * 1000 * 1000);
	return (unsigned long)((to - from) * 1000000 / (end - start));
}

static char **qemu_arguments(const struct guest_vm_spec *spec)
{
	static const char *const fixed[] = {
		"qemu-system-x86_64",
		"-no-user-config",
		"-nodefaults",
		"-display",
		"none",
		"-no-reboot",
		"-M",
		"microvm,x-option-roms=off,pic=off,rtc=on",
		"-m",
		"512",
		"-accel",
		"tcg",
		"-cpu",
		"max,-erms,-fsrm",
		"-global",
		"virtio-mmio.force-legacy=false",
		"-device",
		"virtio-serial-device,max_ports=4",
		"-chardev",
		"socket,id=ctl,fd=3",
		"-device",
		"virtserialport,chardev=ctl,name=ctl",
	};
	unsigned long khz = tsc_khz();
	char **args = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strv_add(&args, fixed[i]);
	for (size_t i = 0; i < spec->disk_count; i++) {
		bool read_only = spec->disks[i].disk.read_only;

		strv_add(&args, "-blockdev");
		strv_take(&args, xasprintf("driver=file,node-name=d%zu,filename=%s,read-only=%s,"
					   "auto-read-only=off",
					   i, spec->disks[i].file, read_only ? "on" : "off"));
		strv_add(&args, "-device");
		strv_take(&args, xasprintf("virtio-blk-device,drive=d%zu", i));
	}
	strv_add(&args, "-serial");
	strv_take(&args, xasprintf("file:%s", spec->console));
	strv_add(&args, "-kernel");
	strv_add(&args, spec->kernel);
	strv_add(&args, "-initrd");
	strv_add(&args, spec->initramfs);
	strv_add(&args, "-append");
	strv_take(&args, xasprintf("console=ttyS0 quiet loglevel=1 reboot=t panic=-1 "
				   "mitigations=off nokaslr random.trust_cpu=on no_timer_check "
				   "tsc=reliable tsc_early_khz=%lu lpj=%lu",
				   khz, khz * 4));
	return args;
}

static void start_qemu(struct guest_vm *vm, const struct guest_vm_spec *spec)
{
	AUTO(auto_strv) char **args = qemu_arguments(spec);
	int pair[2];
	struct err err;

	if (fd_socketpair(pair, &err) < 0 || fd_set_nonblock(pair[0], true, &err) < 0)
		die(vm, err.msg);
	fflush(stdout);
	vm->pid = fork();
	if (vm->pid == 0) {
		dup2(pair[1], CHANNEL_FD);
		execvp(args[0], args);
		_exit(127);
	}
	close(pair[1]);
	vm->fd = pair[0];
}

static bool await_qemu(struct guest_vm *vm)
{
	int status = 0;

	for (unsigned i = 0; i < 500; i++) {
		if (waitpid(vm->pid, &status, WNOHANG) == vm->pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		usleep(10000);
	}
	kill(vm->pid, SIGKILL);
	waitpid(vm->pid, &status, 0);
	return false;
}

static void guest_vm_free(struct guest_vm *vm)
{
	channel_close(vm->channel, NULL, NULL);
	uv_close((uv_handle_t *)&vm->deadline, NULL);
	uv_run(&vm->loop, UV_RUN_DEFAULT);
	uv_loop_close(&vm->loop);
	close(vm->fd);
	free(vm->console);
	free(vm);
}

/* --- single answers: SETUP, SHUTDOWN --- */

struct answer {
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
	if (type == AGENT_READY) { /* the guest keeps this stream open */
		send_clock(answer->stream);
		mux_close(answer->stream);
		answer->closed = true;
	}
	if (type == AGENT_FAILED && agent_failed_unpack(payload, &failed, &err) == 0) {
		snprintf(answer->text, 504, "%s", failed.text);
		agent_failed_done(&failed);
	}
}

static void on_answer_closed(void *ctx)
{
	struct answer *answer = ctx;

	mux_close(answer->stream);
	answer->closed = true;
}

static const struct mux_stream_ops answer_ops = {.message = on_answer, .closed = on_answer_closed};

static uint8_t ask(struct guest_vm *vm, uint8_t kind, const struct buf *request, char *text)
{
	struct answer answer = {.text = text};
	struct err err;

	if (mux_open(channel_mux(vm->channel), kind, (struct view){request->ptr, request->len},
		     &answer_ops, &answer, &answer.stream, &err) < 0)
		die(vm, err.msg);
	wait_until(vm, &answer.closed);
	return answer.type;
}

static void on_broken(void *ctx, const struct err *err)
{
	struct guest_vm *vm = ctx;

	(void)err;
	vm->broken = true;
}

static const struct channel_ops channel_ops = {.broken = on_broken};

bool guest_vm_start(const struct guest_vm_spec *spec, struct guest_vm **ret_vm, char ret_text[504])
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	struct guest_vm *vm = xcalloc(1, sizeof(*vm));
	struct agent_setup setup = spec->setup;
	struct agent_disk disks[LIMIT_DISKS];
	struct err err;

	ret_text[0] = '\0';
	vm->console = xstrdup(spec->console);
	uv_loop_init(&vm->loop);
	uv_timer_init(&vm->loop, &vm->deadline);
	vm->deadline.data = vm;
	start_qemu(vm, spec);
	if (channel_open(&vm->loop, vm->fd, MUX_HOST, &channel_ops, vm, &vm->channel, &err) < 0)
		die(vm, err.msg);
	for (size_t i = 0; i < spec->disk_count; i++)
		disks[i] = spec->disks[i].disk;
	setup.protocol = AGENT_PROTOCOL;
	random_bytes(setup.entropy, sizeof(setup.entropy));
	setup.disks = disks;
	setup.disk_count = spec->disk_count;
	agent_setup_pack(&request, &setup);
	*ret_vm = vm;
	return ask(vm, AGENT_SETUP, &request, ret_text) == AGENT_READY;
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
	char text[504];
	bool done;

	agent_shutdown_pack(&request, &shutdown);
	done = ask(vm, AGENT_SHUTDOWN, &request, text) == AGENT_DONE;
	done = await_qemu(vm) && done;
	*ret_ms = clock_monotonic_ms() - start;
	guest_vm_free(vm);
	return done;
}

/* --- commands --- */

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
	uint64_t start = clock_monotonic_ms();
	struct err err;

	run->out = (struct buf)BUF_INIT(16 * 1024 * 1024);
	run->err = (struct buf)BUF_INIT(1024 * 1024);
	r->vm = vm;
	r->run = run;
	r->input_ended = !run->input.ptr;
	r->rounds_left = run->input_repeat;
	pack_run(run, &request);
	if (mux_open(channel_mux(vm->channel), AGENT_EXEC, (struct view){request.ptr, request.len},
		     &run_ops, r, &r->stream, &err) < 0)
		die(vm, err.msg);
	arm(r, &r->cancel, run->cancel_after_ms, on_cancel);
	arm(r, &r->signal, run->signal_after_ms, on_signal);
	arm(r, &r->resize, run->resize_after_ms, on_resize);
	send_input(r);
	wait_until(vm, &r->closed);
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
