// SPDX-License-Identifier: MIT
/*
 * The owner of one sandbox: see supervisor.h.
 *
 * Happy path: sandbox -> ready -> the command's relay -> its exit code; then the sandbox is stopped
 * and closed.  With --rm=false it stays until a signal.  From its creation on other commands may
 * connect (sandbox/control.h), once it is ready they are served.
 * Ways out: the command ends; the VM ends by itself; the first SIGINT, SIGTERM or SIGHUP, or
 * --timeout: the command is cancelled and the sandbox cleaned up.  A second signal ends this
 * process at once; the VM dies with it and `gc` clears the rest.
 */
#include "cli/supervisor.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/timings.h"
#include "cli/audit_note.h"
#include "cli/forwarding.h"
#include "cli/terminal.h"
#include "cli/timings_out.h"
#include "sandbox/control.h"
#include "sandbox/gc.h"
#include "sandbox/ports.h"
#include "sandbox/relay.h"
#include "sandbox/sandbox.h"
#include "sandbox/vm_log.h"
#include "state/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

/* All of LIMIT_FORWARDED and LIMIT_CONTROL_CLIENTS, and more than what else there is. */
enum { WANTED_FDS = 4096 };

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* Where the run is: names the step in the error texts. */
enum step { STARTING, RUNNING, IDLE, ENDED };

static const char *const step_names[] = {
	[STARTING] = "starting sandbox",
	[RUNNING] = "executing command",
	[IDLE] = "sandbox",
	[ENDED] = "sandbox",
};

struct supervisor {
	const struct supervisor_job *job;
	const struct run_options *options;
	const struct sandbox_spec *spec;
	struct agent_exec exec;
	uv_loop_t loop;
	uv_signal_t signals[ARRAY_SIZE(ending_signals)];
	uv_signal_t resized;
	uv_timer_t timeout;
	uv_poll_t waiter; /* of a detached one, until the sandbox is ready */
	struct sandbox *sandbox;
	struct relay *relay;
	struct control *control;
	struct ports *ports;
	const char *started_by;
	enum step step;
	bool cancelled;
	int exit_code;
	struct err err; /* the first thing that went wrong */
};

static void fail(struct supervisor *self, const struct err *why, const char *where)
{
	if (self->err.code != ERR_NONE || why->code == ERR_NONE)
		return;
	self->err = *why;
	if (where)
		err_wrap_(&self->err, "%s", where);
}

/* Gives up, for the reason that Go's context would give: scripts look for these words. */
static void cancel(struct supervisor *self, enum err_code code, const char *reason)
{
	struct err err;

	self->cancelled = true;
	if (self->step != IDLE && self->step != ENDED) {
		err_set_(&err, code, "context %s", reason);
		fail(self, &err, step_names[self->step]);
	}
	terminal_restore();
	if (self->sandbox)
		sandbox_stop(self->sandbox); /* what the command says meanwhile is passed on */
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct supervisor *self = handle->data;

	if (self->cancelled) {
		terminal_restore();
		signal(signum, SIG_DFL);
		raise(signum);
	}
	cancel(self, ERR_CANCELLED, "canceled");
}

static void on_timeout(uv_timer_t *timer)
{
	struct supervisor *self = timer->data;

	if (!self->cancelled)
		cancel(self, ERR_TIMEOUT, "deadline exceeded");
}

static void on_resized(uv_signal_t *handle, int signum)
{
	struct supervisor *self = handle->data;
	struct agent_size size = terminal_size(STDIN_FILENO);

	(void)signum;
	if (self->relay)
		relay_resize(self->relay, &size);
}

/* Whoever waits for the sandbox to be ready is gone, so nobody would know of it. */
static void on_waiter_gone(uv_poll_t *poll, int status, int events)
{
	struct supervisor *self = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	if (!self->cancelled)
		cancel(self, ERR_CANCELLED, "canceled");
}

static bool is_detached(const struct supervisor *self)
{
	return self->job->waiter_fd >= 0;
}

/* --- the command --- */

/* For whoever has asked for the command. */
static void say(struct supervisor *self, const char *text)
{
	AUTO_FREE char *line = xasprintf("%s\n", text);

	if (is_detached(self))
		vm_log_write(sandbox_log(self->sandbox), view_of(line));
	else
		fputs(line, stderr);
}

static bool has_terminal(const struct supervisor *self)
{
	return self->options->tty && self->options->interactive;
}

static void on_command_ended(void *ctx, const struct session_result *result)
{
	struct supervisor *self = ctx;

	terminal_restore();
	timings_mark(self->job->timings, "command ended");
	if (result->lost)
		return; /* the sandbox's end follows and knows why */
	if (self->cancelled) {
		relay_close(STEAL(self->relay));
		return; /* the sandbox's end is under way */
	}
	self->exit_code = result->exit_code;
	/* 126 and 127 are how the command ended, with its text; the rest is our failure. */
	if (result->err.code != ERR_NONE && (self->exit_code == 126 || self->exit_code == 127))
		say(self, result->err.msg);
	else
		fail(self, &result->err, step_names[RUNNING]);
	relay_close(STEAL(self->relay)); /* and `result` with it */
	self->step = IDLE;
	if (self->options->rm || self->err.code != ERR_NONE)
		sandbox_stop(self->sandbox);
}

static int command_start(struct supervisor *self, struct err *err)
{
	struct relay_io io = {
		.in_fd = self->options->interactive ? STDIN_FILENO : -1,
		.out_fd = STDOUT_FILENO,
		.err_fd = STDERR_FILENO,
		.log = has_terminal(self) ? NULL : sandbox_log(self->sandbox),
	};
	struct agent_size size = terminal_size(STDIN_FILENO);

	self->exec.flags = (self->options->interactive ? AGENT_EXEC_STDIN : 0) |
			   (has_terminal(self) ? AGENT_EXEC_TTY : 0);
	self->exec.rows = size.rows;
	self->exec.cols = size.cols;
	self->exec.grace_ms = SESSION_CANCEL_GRACE_MS;
	if (has_terminal(self) && terminal_raw(STDIN_FILENO, err) < 0)
		return -1;
	self->step = RUNNING;
	return relay_open(&self->loop, sandbox_mux(self->sandbox), &self->exec, &io,
			  on_command_ended, self, &self->relay, err);
}

/* --- its ports --- */

/* Not into the screen of a command that has the terminal. */
static void on_forward_failed(void *ctx, const char *reason)
{
	struct supervisor *self = ctx;
	AUTO_FREE char *line = xasprintf(FORWARDING_ERROR "\n", reason);

	if (is_detached(self) || has_terminal(self))
		vm_log_write(sandbox_log(self->sandbox), view_of(line));
	else
		fputs(line, stderr);
}

static int publish(struct supervisor *self, struct err *err)
{
	const struct run_options *options = self->options;
	struct port_group *group;

	if (options->port_count == 0)
		return 0;
	group = port_group_open(self->ports, on_forward_failed, self);
	for (size_t i = 0; i < options->port_count; i++) {
		if (port_group_listen(group, self->job->listeners[i], options->ports[i].guest_port,
				      err) < 0)
			return -1;
		self->job->listeners[i] = -1;
	}
	if (!is_detached(self))
		forwarding_print(options->ports, options->port_count);
	return 0;
}

/* --- the sandbox --- */

static void print_help(const char *id)
{
	fprintf(stderr,
		"Sandbox %s is running\n  Connect: matchlock exec %s -it bash\n"
		"  Stop:    matchlock kill %s\n",
		id, id, id);
}

static void on_ready(void *ctx)
{
	struct supervisor *self = ctx;
	struct err err;

	control_serve(self->control);
	if (publish(self, &err) < 0) {
		fail(self, &err, NULL);
		sandbox_stop(self->sandbox);
		return;
	}
	if (is_detached(self)) {
		uv_poll_stop(&self->waiter);
		self->job->ready(self->job->ctx, sandbox_id(self->sandbox));
	} else if (!self->options->rm) {
		print_help(sandbox_id(self->sandbox));
	}
	if (strv_count(self->exec.argv) == 0) {
		self->step = IDLE;
		return;
	}
	if (command_start(self, &err) == 0)
		return;
	fail(self, &err, step_names[RUNNING]);
	sandbox_stop(self->sandbox);
}

static void on_sandbox_ended(void *ctx, const struct err *why)
{
	struct supervisor *self = ctx;

	fail(self, why, step_names[self->step]);
	terminal_restore();
	relay_close(STEAL(self->relay));
	control_close(STEAL(self->control));
	ports_close(STEAL(self->ports));
	self->step = ENDED;
	uv_stop(&self->loop);
}

static void on_preparing(void *ctx)
{
	(void)ctx;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "Note: making a template for quicker starts, once\n");
}

static void note_emulation(const struct supervisor *self)
{
	if (sandbox_accel(self->sandbox) != ACCEL_TCG || !isatty(STDERR_FILENO) ||
	    !*sandbox_accel_reason(self->sandbox))
		return;
	fprintf(stderr,
		"Note: running in software emulation (%s): slower, and QEMU promises isolation "
		"only "
		"with hardware virtualisation\n",
		sandbox_accel_reason(self->sandbox));
}

static void tell_network(struct supervisor *self, const char *state_home)
{
	const struct audit_note note = {
		.spec = self->spec,
		.state_home = state_home,
		.id = sandbox_id(self->sandbox),
		.kept = !self->options->rm,
		.denials = !is_detached(self) && isatty(STDERR_FILENO),
	};
	AUTO_FREE char *text = audit_note(&note);

	if (text)
		say(self, text);
}

static int start(struct supervisor *self, const char *state_home, struct err *err)
{
	const struct control_host control_host = {
		.loop = &self->loop,
		.state_home = state_home,
		.sandbox = self->sandbox,
		.ports = self->ports = ports_new(&self->loop, self->sandbox),
		.spec = self->spec,
	};

	if (control_open(&control_host, &self->control, err) < 0)
		return -1;
	if (sandbox_start(self->sandbox, err) < 0)
		return -1;
	note_emulation(self);
	return 0;
}

static int run_sandbox(struct supervisor *self, const struct sandbox_host *host, struct err *err)
{
	const struct sandbox_owner owner = {on_ready, on_sandbox_ended, self, on_preparing};
	struct sandbox_request request = {
		.spec = self->spec,
		.layers = self->job->layers,
		.image_config = self->job->image_config,
		.remove = self->options->rm,
		.no_template = self->options->no_template,
		.no_template_build = self->options->no_template_build,
		.grace_ms = (uint64_t)(self->options->graceful_shutdown_ns / 1000000),
	};
	struct err start_err;

	if (accel_parse(self->options->accel, &request.accel, err) < 0)
		return -1;
	if (sandbox_create(host, &request, &owner, &self->sandbox, err) < 0)
		return err_wrap(err, "creating sandbox");
	if (start(self, host->state_home, &start_err) < 0)
		fail(self, &start_err, step_names[STARTING]);
	else
		uv_run(&self->loop, UV_RUN_DEFAULT);
	self->started_by = sandbox_start_level(self->sandbox);
	timings_mark(self->job->timings, "VM ended");
	control_close(STEAL(self->control));
	ports_close(STEAL(self->ports));
	tell_network(self, host->state_home);
	if (sandbox_close(STEAL(self->sandbox), err) < 0)
		fail(self, err, NULL);
	timings_mark(self->job->timings, "cleaned up");
	if (self->err.code == ERR_NONE)
		return 0;
	*err = self->err;
	return -1;
}

/* --- the process's side --- */

/* Each connection into the guest takes one; where fewer are allowed fewer are accepted. */
static void allow_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= WANTED_FDS)
		return;
	files.rlim_cur = MIN(files.rlim_max, WANTED_FDS);
	setrlimit(RLIMIT_NOFILE, &files);
}

static void handles_open(struct supervisor *self)
{
	uv_loop_init(&self->loop);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		uv_signal_init(&self->loop, &self->signals[i]);
		self->signals[i].data = self;
		uv_signal_start(&self->signals[i], on_signal, ending_signals[i]);
	}
	uv_signal_init(&self->loop, &self->resized);
	self->resized.data = self;
	if (has_terminal(self))
		uv_signal_start(&self->resized, on_resized, SIGWINCH);
	if (is_detached(self)) {
		uv_poll_init(&self->loop, &self->waiter, self->job->waiter_fd);
		self->waiter.data = self;
		uv_poll_start(&self->waiter, UV_READABLE, on_waiter_gone);
	}
	uv_timer_init(&self->loop, &self->timeout);
	self->timeout.data = self;
	if (self->options->timeout_set)
		uv_timer_start(&self->timeout, on_timeout, (uint64_t)self->spec->timeout_s * 1000,
			       0);
}

static void handles_close(struct supervisor *self)
{
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		uv_close((uv_handle_t *)&self->signals[i], NULL);
	uv_close((uv_handle_t *)&self->resized, NULL);
	uv_close((uv_handle_t *)&self->timeout, NULL);
	if (is_detached(self))
		uv_close((uv_handle_t *)&self->waiter, NULL);
	while (uv_run(&self->loop, UV_RUN_DEFAULT) != 0)
		; /* a stop that was asked for before ends one turn early */
	uv_loop_close(&self->loop);
}

/* The command as the agent takes it; `environment` becomes the caller's to free. */
static void describe_exec(struct supervisor *self, char ***ret_environment)
{
	const struct run_options *options = self->options;
	const struct image_config *image = &self->spec->image_config;
	const char *term = getenv("TERM");
	char **env = strv_copy(options->environment);

	if (has_terminal(self) && term && *term && !strv_getenv(env, "TERM")) {
		AUTO_FREE char *entry = xasprintf("TERM=%s", term);

		strv_add(&env, entry);
	}
	self->exec = (struct agent_exec){
		.argv = options->words,
		.command = options->command,
		.env = env,
		.cwd = options->workdir && *options->workdir ? options->workdir
							     : image->working_dir,
		.user = image->user,
	};
	*ret_environment = env;
}

static int run_with_state(struct supervisor *self, struct err *err)
{
	AUTO_FREE char *state_home = NULL;
	AUTO_FREE char *cache_home = NULL;
	AUTO(auto_state) struct state *state = NULL;
	AUTO(auto_strv) char **environment = NULL;
	struct sandbox_host host = {
		.loop = &self->loop,
		.vmm = &vmm_qemu,
		.timings = self->job->timings,
	};

	if (path_state_home(&state_home, err) < 0 || path_cache_home(&cache_home, err) < 0)
		return -1;
	if (state_open(state_home, &state, err) < 0)
		return err_wrap(err, "creating sandbox");
	gc_crashed(state, state_home);
	timings_mark(self->job->timings, "state opened");
	host.state = state;
	host.state_home = state_home;
	host.cache_home = cache_home;
	describe_exec(self, &environment);
	return run_sandbox(self, &host, err);
}

int supervisor_run(const struct supervisor_job *job, int *ret_exit_code, struct err *err)
{
	struct supervisor self = {
		.job = job,
		.options = job->options,
		.spec = &job->options->spec,
	};
	int status;

	if (!has_terminal(&self))
		signal(SIGTTOU, SIG_IGN); /* a client's terminal is no reason to be stopped */
	allow_descriptors();
	handles_open(&self);
	status = run_with_state(&self, err);
	handles_close(&self);
	if (self.started_by)
		timings_print(job->timings, job->options->timings, self.started_by);
	*ret_exit_code = job->options->rm ? self.exit_code : 0;
	return status;
}
