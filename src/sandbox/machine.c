// SPDX-License-Identifier: MIT
/*
 * The machine: see machine.h.
 *
 * Happy path: start, channel open, console lines into the log, until machine_close().
 * Failure modes: the process ends by itself (exit descriptor); the channel breaks while the process
 * lives on (a hostile or dead agent): since a dying QEMU closes its socket before it can be waited
 * for, a broken channel waits EXIT_WAIT_MS for the better reason.
 * Close: the process is killed first, then each handle's callback is counted; the last frees.
 */
#include "sandbox/machine.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/tail.h"
#include "sandbox/vm_log.h"
#include "wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_WAIT_MS = 1000, REASON_LINES = 3, REASON_MAX = 400, PIPE_HOLDS = 64 * 1024 };

/* A pipe that the VM writes and we read. */
struct drain {
	struct machine *machine;
	uv_poll_t poll;
	int fd;
	bool open;
	struct tail tail;
};

struct machine {
	const struct vmm_ops *vmm;
	struct vm *vm;
	struct channel *channel;
	int channel_fd;
	struct drain console, complaints;
	uv_poll_t exit_poll, attend_poll;
	uv_timer_t exit_wait;
	struct err lost; /* why the channel broke */
	struct vm_log *log;
	struct machine_owner owner;
	bool timed, watched, attended; /* exit_wait, exit_poll, attend_poll are open */
	bool told;
	enum machine_exit exit;
	unsigned handles;
};

/* Reads once what is there: as read(2). */
static ssize_t drain_read(struct drain *drain)
{
	char chunk[16384];
	ssize_t got = read(drain->fd, chunk, sizeof(chunk));
	struct view bytes = {chunk, (size_t)MAX(got, 0)};

	tail_put(&drain->tail, bytes);
	if (drain->machine->log)
		vm_log_write(drain->machine->log, bytes);
	return got;
}

static void on_drain(uv_poll_t *poll, int status, int events)
{
	struct drain *drain = poll->data;
	ssize_t got = status < 0 ? 0 : drain_read(drain);

	(void)events;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		uv_poll_stop(poll);
}

/* What is left in a pipe whose writer is gone.  A VM that only broke its channel may write on: no
 * more is read than a pipe holds. */
static void drain_rest(struct drain *drain)
{
	ssize_t got = 1;

	for (size_t done = 0; done < PIPE_HOLDS && got > 0; done += (size_t)MAX(got, 0))
		got = drain_read(drain);
}

static void add_reason(struct buf *text, const char *who, const struct drain *drain)
{
	struct buf lines = BUF_INIT(LIMIT_STDERR_TAIL * 2);

	/* What a kernel prints after its panic is of use to its developers only. */
	if (!tail_line_with(&drain->tail, "Kernel panic", &lines))
		tail_lines(&drain->tail, REASON_LINES, &lines);
	if (lines.len > 0)
		buf_printf(text, "; %s: %.*s", who, REASON_MAX / 2, lines.ptr);
	buf_done(&lines);
}

static void tell_ended(struct machine *machine, const char *how)
{
	AUTO_BUF struct buf text = BUF_INIT(4096);
	struct err why = machine->lost;

	if (machine->told)
		return;
	machine->told = true;
	drain_rest(&machine->complaints);
	drain_rest(&machine->console);
	if (how) {
		buf_printf(&text, "the VM ended: %s", how);
		add_reason(&text, machine->vmm->name, &machine->complaints);
		add_reason(&text, "guest console", &machine->console);
		err_set_(&why, ERR_IO, "%s", text.ptr);
	}
	machine->owner.ended(machine->owner.ctx, &why);
}

static void on_exit_fd(uv_poll_t *poll, int status, int events)
{
	struct machine *machine = poll->data;
	char how[64];

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	machine->exit = machine->vmm->describe_exit(machine->vm, how, sizeof(how)) ? MACHINE_ENDED
										   : MACHINE_FAILED;
	tell_ended(machine, how);
}

static void on_attend(uv_poll_t *poll, int status, int events)
{
	struct machine *machine = poll->data;

	(void)status;
	(void)events;
	machine->vmm->attend(machine->vm);
}

static void on_exit_wait(uv_timer_t *timer)
{
	tell_ended(timer->data, NULL);
}

static void on_broken(void *ctx, const struct err *err)
{
	struct machine *machine = ctx;

	machine->lost = *err;
	uv_timer_start(&machine->exit_wait, on_exit_wait, EXIT_WAIT_MS, 0);
}

static const struct channel_ops channel_ops = {.broken = on_broken};

static int drain_open(struct drain *drain, struct machine *machine, uv_loop_t *loop,
		      struct err *err)
{
	int status = uv_poll_init(loop, &drain->poll, drain->fd);

	if (status < 0)
		return err_set(err, ERR_IO, "watch the VM's output: %s", uv_strerror(status));
	drain->machine = machine;
	drain->open = true;
	drain->poll.data = drain;
	machine->handles++;
	uv_poll_start(&drain->poll, UV_READABLE, on_drain);
	return 0;
}

static int attend(struct machine *machine, uv_loop_t *loop, struct err *err)
{
	int fd = machine->vmm->attend_fd ? machine->vmm->attend_fd(machine->vm) : -1;
	int status;

	if (fd < 0)
		return 0;
	status = uv_poll_init(loop, &machine->attend_poll, fd);
	if (status < 0)
		return err_set(err, ERR_IO, "attend to the VM: %s", uv_strerror(status));
	machine->attend_poll.data = machine;
	machine->attended = true;
	machine->handles++;
	uv_poll_start(&machine->attend_poll, UV_READABLE, on_attend);
	return 0;
}

/* The handles that follow a process which runs already. */
static int machine_watch(struct machine *machine, uv_loop_t *loop, struct err *err)
{
	int status;

	if (attend(machine, loop, err) < 0 ||
	    drain_open(&machine->console, machine, loop, err) < 0 ||
	    drain_open(&machine->complaints, machine, loop, err) < 0)
		return -1;
	uv_timer_init(loop, &machine->exit_wait);
	machine->exit_wait.data = machine;
	machine->timed = true;
	machine->handles++;
	status = uv_poll_init(loop, &machine->exit_poll, machine->vmm->exit_fd(machine->vm));
	if (status < 0)
		return err_set(err, ERR_IO, "watch the VM: %s", uv_strerror(status));
	machine->exit_poll.data = machine;
	machine->watched = true;
	machine->handles++;
	uv_poll_start(&machine->exit_poll, UV_READABLE, on_exit_fd);
	return channel_open(loop, machine->channel_fd, MUX_HOST, &channel_ops, machine,
			    &machine->channel, err);
}

/* The reading end goes to *ret_ours, non-blocking. */
static int output_pipe(int *ret_ours, int *ret_theirs, struct err *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return fd_set_nonblock(pair[0], true, err);
}

static int channel_pair(int *ret_ours, int *ret_theirs, struct err *err)
{
	int pair[2];

	if (fd_socketpair(pair, err) < 0)
		return -1;
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return fd_set_nonblock(pair[0], true, err);
}

/* Makes the three connections and starts the process on their far ends. */
static int machine_launch(struct machine *machine, const struct vm_spec *spec, struct err *err)
{
	AUTO_FD int channel = -1;
	AUTO_FD int console = -1;
	AUTO_FD int complaints = -1;
	struct vm_spec full = *spec;

	if (channel_pair(&machine->channel_fd, &channel, err) < 0 ||
	    output_pipe(&machine->console.fd, &console, err) < 0 ||
	    output_pipe(&machine->complaints.fd, &complaints, err) < 0)
		return -1;
	full.channel_fd = channel;
	full.console_fd = console;
	full.stderr_fd = complaints;
	return machine->vmm->start(&full, &machine->vm, err);
}

int machine_start(uv_loop_t *loop, const struct vmm_ops *vmm, const struct vm_spec *spec,
		  struct vm_log *log, const struct machine_owner *owner,
		  struct machine **ret_machine, struct err *err)
{
	struct machine *machine = xcalloc(1, sizeof(*machine));

	machine->vmm = vmm;
	machine->log = log;
	machine->owner = *owner;
	machine->channel_fd = machine->console.fd = machine->complaints.fd = -1;
	if (machine_launch(machine, spec, err) < 0 || machine_watch(machine, loop, err) < 0) {
		machine_close(machine);
		return -1;
	}
	*ret_machine = machine;
	return 0;
}

int machine_save(struct machine *machine, int state_fd, int timeout_ms, struct err *err)
{
	machine->told = true; /* its end is what is asked for */
	return machine->vmm->save(machine->vm, state_fd, timeout_ms, err);
}

struct mux *machine_mux(struct machine *machine)
{
	return channel_mux(machine->channel);
}

int machine_pid(const struct machine *machine)
{
	return machine->vmm->pid(machine->vm);
}

enum machine_exit machine_exit(const struct machine *machine)
{
	return machine->exit;
}

static void machine_free(struct machine *machine)
{
	auto_close_(&machine->channel_fd);
	auto_close_(&machine->console.fd);
	auto_close_(&machine->complaints.fd);
	free(machine);
}

static void on_channel_closed(void *ctx)
{
	struct machine *machine = ctx;

	if (--machine->handles == 0)
		machine_free(machine);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_channel_closed(handle->data);
}

static void close_handle(struct machine *machine, uv_handle_t *handle)
{
	handle->data = machine;
	uv_close(handle, on_handle_closed);
}

void machine_close(struct machine *machine)
{
	if (!machine)
		return;
	machine->told = true;
	if (machine->attended) {
		uv_poll_stop(&machine->attend_poll); /* before its descriptor goes */
		close_handle(machine, (uv_handle_t *)&machine->attend_poll);
	}
	machine->vmm->free(STEAL(machine->vm));
	if (machine->console.open)
		close_handle(machine, (uv_handle_t *)&machine->console.poll);
	if (machine->complaints.open)
		close_handle(machine, (uv_handle_t *)&machine->complaints.poll);
	if (machine->timed)
		close_handle(machine, (uv_handle_t *)&machine->exit_wait);
	if (machine->watched)
		close_handle(machine, (uv_handle_t *)&machine->exit_poll);
	if (machine->channel) {
		machine->handles++;
		channel_close(machine->channel, on_channel_closed, machine);
	}
	if (machine->handles == 0)
		machine_free(machine);
}
