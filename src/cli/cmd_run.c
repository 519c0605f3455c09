// SPDX-License-Identifier: MIT
/*
 * `matchlock run`: one sandbox, one command (reference: cli-and-rpc.md 3).
 *
 * Happy path: flags -> spec -> image -> sandbox -> ready -> the command's relay -> its exit code;
 * then the sandbox is stopped and closed.  With --rm=false the sandbox stays until a signal. Ways
 * out: the command ends; the VM ends by itself; the first SIGINT, SIGTERM or SIGHUP, or --timeout:
 * the command is cancelled and the sandbox cleaned up.  A second signal ends this process at once;
 * the VM dies with it and `gc` clears the rest.
 */
#include "cli/cmd_run.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/timings.h"
#include "cli/host.h"
#include "cli/images.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/terminal.h"
#include "cli/timings_out.h"
#include "image/resolve.h"
#include "image/store.h"
#include "sandbox/gc.h"
#include "sandbox/relay.h"
#include "sandbox/sandbox.h"
#include "state/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { CANCEL_GRACE_MS = 5000 };

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* Where the run is: names the step in the error texts. */
enum step { STARTING, RUNNING, IDLE, ENDED };

static const char *const step_names[] = {
	[STARTING] = "starting sandbox",
	[RUNNING] = "executing command",
	[IDLE] = "sandbox",
	[ENDED] = "sandbox",
};

struct run {
	const struct run_options *options;
	enum accel accel;
	const struct sandbox_spec *spec;
	struct agent_exec exec;
	uv_loop_t loop;
	uv_signal_t signals[ARRAY_SIZE(ending_signals)];
	uv_signal_t resized;
	uv_timer_t timeout;
	struct sandbox *sandbox;
	struct relay *relay;
	struct timings *timings; /* NULL: nobody asks */
	const char *started_by;
	enum step step;
	bool cancelled;
	int exit_code;
	struct err err; /* the first thing that went wrong */
};

static void fail(struct run *run, const struct err *why, const char *where)
{
	if (run->err.code != ERR_NONE || why->code == ERR_NONE)
		return;
	run->err = *why;
	if (where)
		err_wrap_(&run->err, "%s", where);
}

/* Gives up, for the reason that Go's context would give: scripts look for these words. */
static void cancel(struct run *run, enum err_code code, const char *reason)
{
	struct err err;

	run->cancelled = true;
	if (run->step != IDLE && run->step != ENDED) {
		err_set_(&err, code, "context %s", reason);
		fail(run, &err, step_names[run->step]);
	}
	terminal_restore();
	relay_close(STEAL(run->relay));
	if (run->sandbox)
		sandbox_stop(run->sandbox);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct run *run = handle->data;

	if (run->cancelled) {
		terminal_restore();
		signal(signum, SIG_DFL);
		raise(signum);
	}
	cancel(run, ERR_CANCELLED, "canceled");
}

static void on_timeout(uv_timer_t *timer)
{
	struct run *run = timer->data;

	if (!run->cancelled)
		cancel(run, ERR_TIMEOUT, "deadline exceeded");
}

static void on_resized(uv_signal_t *handle, int signum)
{
	struct run *run = handle->data;
	struct agent_size size = terminal_size(STDIN_FILENO);

	(void)signum;
	if (run->relay)
		relay_resize(run->relay, &size);
}

/* --- the command --- */

static bool has_terminal(const struct run *run)
{
	return run->options->tty && run->options->interactive;
}

static void on_command_ended(void *ctx, const struct session_result *result)
{
	struct run *run = ctx;

	terminal_restore();
	timings_mark(run->timings, "command ended");
	if (result->lost)
		return; /* the sandbox's end follows and knows why */
	run->exit_code = result->exit_code;
	/* 126 and 127 are how the command ended, with its text; the rest is our failure. */
	if (result->err.code != ERR_NONE && (run->exit_code == 126 || run->exit_code == 127))
		fprintf(stderr, "%s\n", result->err.msg);
	else
		fail(run, &result->err, step_names[RUNNING]);
	relay_close(STEAL(run->relay)); /* and `result` with it */
	run->step = IDLE;
	if (run->options->rm || run->err.code != ERR_NONE)
		sandbox_stop(run->sandbox);
}

static int command_start(struct run *run, struct err *err)
{
	struct relay_io io = {
		.in_fd = run->options->interactive ? STDIN_FILENO : -1,
		.out_fd = STDOUT_FILENO,
		.err_fd = STDERR_FILENO,
		.log = has_terminal(run) ? NULL : sandbox_log(run->sandbox),
	};
	struct agent_size size = terminal_size(STDIN_FILENO);

	run->exec.flags = (run->options->interactive ? AGENT_EXEC_STDIN : 0) |
			  (has_terminal(run) ? AGENT_EXEC_TTY : 0);
	run->exec.rows = size.rows;
	run->exec.cols = size.cols;
	run->exec.grace_ms = CANCEL_GRACE_MS;
	if (has_terminal(run) && terminal_raw(STDIN_FILENO, err) < 0)
		return -1;
	run->step = RUNNING;
	return relay_open(&run->loop, sandbox_mux(run->sandbox), &run->exec, &io, on_command_ended,
			  run, &run->relay, err);
}

/* --- the sandbox --- */

static void on_ready(void *ctx)
{
	struct run *run = ctx;
	const char *id = sandbox_id(run->sandbox);
	struct err err;

	if (!run->options->rm)
		fprintf(stderr,
			"Sandbox %s is running\n  Connect: matchlock exec %s -it bash\n"
			"  Stop:    matchlock kill %s\n",
			id, id, id);
	if (strv_count(run->exec.argv) == 0) {
		run->step = IDLE;
		return;
	}
	if (command_start(run, &err) == 0)
		return;
	fail(run, &err, step_names[RUNNING]);
	sandbox_stop(run->sandbox);
}

static void on_sandbox_ended(void *ctx, const struct err *why)
{
	struct run *run = ctx;

	fail(run, why, step_names[run->step]);
	terminal_restore();
	relay_close(STEAL(run->relay));
	run->step = ENDED;
	uv_stop(&run->loop);
}

static void on_preparing(void *ctx)
{
	(void)ctx;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "Note: making a template for quicker starts, once\n");
}

static void note_emulation(const struct run *run)
{
	if (sandbox_accel(run->sandbox) != ACCEL_TCG || !isatty(STDERR_FILENO) ||
	    !*sandbox_accel_reason(run->sandbox))
		return;
	fprintf(stderr,
		"Note: running in software emulation (%s): slower, and QEMU promises isolation "
		"only "
		"with hardware virtualisation\n",
		sandbox_accel_reason(run->sandbox));
}

static int run_sandbox(struct run *run, const struct sandbox_host *host, const struct image *image,
		       struct err *err)
{
	const struct sandbox_owner owner = {on_ready, on_sandbox_ended, run, on_preparing};
	struct sandbox_request request = {
		.spec = run->spec,
		.layers = image->layers,
		.image_config = &image->config,
		.accel = run->accel,
		.remove = run->options->rm,
		.no_template = run->options->no_template,
		.no_template_build = run->options->no_template_build,
		.grace_ms = (uint64_t)(run->options->graceful_shutdown_ns / 1000000),
	};
	struct err start_err;

	if (sandbox_create(host, &request, &owner, &run->sandbox, err) < 0)
		return err_wrap(err, "creating sandbox");
	if (sandbox_start(run->sandbox, &start_err) < 0) {
		fail(run, &start_err, step_names[STARTING]);
	} else {
		note_emulation(run);
		uv_run(&run->loop, UV_RUN_DEFAULT);
	}
	run->started_by = sandbox_start_level(run->sandbox);
	timings_mark(run->timings, "VM ended");
	if (sandbox_close(STEAL(run->sandbox), err) < 0)
		fail(run, err, NULL);
	timings_mark(run->timings, "cleaned up");
	if (run->err.code == ERR_NONE)
		return 0;
	*err = run->err;
	return -1;
}

/* --- the process's side --- */

static void handles_open(struct run *run)
{
	uv_loop_init(&run->loop);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		uv_signal_init(&run->loop, &run->signals[i]);
		run->signals[i].data = run;
		uv_signal_start(&run->signals[i], on_signal, ending_signals[i]);
	}
	uv_signal_init(&run->loop, &run->resized);
	run->resized.data = run;
	if (has_terminal(run))
		uv_signal_start(&run->resized, on_resized, SIGWINCH);
	uv_timer_init(&run->loop, &run->timeout);
	run->timeout.data = run;
	if (run->options->timeout_set)
		uv_timer_start(&run->timeout, on_timeout, (uint64_t)run->spec->timeout_s * 1000, 0);
}

static void handles_close(struct run *run)
{
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		uv_close((uv_handle_t *)&run->signals[i], NULL);
	uv_close((uv_handle_t *)&run->resized, NULL);
	uv_close((uv_handle_t *)&run->timeout, NULL);
	while (uv_run(&run->loop, UV_RUN_DEFAULT) != 0)
		; /* a stop that was asked for before ends one turn early */
	uv_loop_close(&run->loop);
}

/* The command as the agent takes it; `environment` becomes the caller's to free. */
static void describe_exec(struct run *run, char ***ret_environment)
{
	const struct run_options *options = run->options;
	const struct image_config *image = &run->spec->image_config;
	const char *term = getenv("TERM");
	char **env = strv_copy(options->environment);

	if (has_terminal(run) && term && *term && !strv_getenv(env, "TERM")) {
		AUTO_FREE char *entry = xasprintf("TERM=%s", term);

		strv_add(&env, entry);
	}
	run->exec = (struct agent_exec){
		.argv = options->words,
		.command = options->command,
		.env = env,
		.cwd = options->workdir && *options->workdir ? options->workdir
							     : image->working_dir,
		.user = image->user,
	};
	*ret_environment = env;
}

static int run_image(struct run *run, const char *state_home, const char *cache_home,
		     const struct image *image, struct err *err)
{
	AUTO(auto_state) struct state *state = NULL;
	AUTO(auto_strv) char **environment = NULL;
	struct sandbox_host host = {
		.loop = &run->loop,
		.state_home = state_home,
		.cache_home = cache_home,
		.vmm = &vmm_qemu,
		.timings = run->timings,
	};

	if (state_open(state_home, &state, err) < 0)
		return err_wrap(err, "creating sandbox");
	gc_crashed(state, state_home);
	timings_mark(run->timings, "state opened");
	host.state = state;
	describe_exec(run, &environment);
	return run_sandbox(run, &host, image, err);
}

/* The image, pulled if need be: shown on a terminal, told in one line elsewhere. */
static int find_image(const struct run_options *options, const char *cache_home,
		      struct image **ret_image, struct err *err)
{
	AUTO(auto_store) struct store *store = NULL;
	AUTO(progress_done) struct progress progress = {0};
	AUTO_FREE char *size = NULL;
	const struct resolve_request request = {
		.ref = options->spec.image,
		.policy = options->pull,
		.progress = progress_update,
		.ctx = &progress,
	};
	bool pulled;

	progress_init(&progress, PROGRESS_NONE, 0);
	if (store_open(cache_home, &store, err) < 0 ||
	    resolve_image(store, &request, ret_image, &pulled, err) < 0)
		return -1;
	progress_done(&progress);
	if (!pulled)
		return 0;
	size = images_size_text((*ret_image)->size);
	fprintf(stderr, "Built rootfs from %s (%s)\n", request.ref, size);
	return 0;
}

int cmd_run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct run_options *options = cli->options;
	AUTO_FREE char *state_home = NULL;
	AUTO_FREE char *cache_home = NULL;
	AUTO(auto_image) struct image *image = NULL;
	AUTO(auto_timings)
	struct timings *timings = options->timings != TIMINGS_OFF ? timings_new() : NULL;
	struct run run = {.options = options, .spec = &options->spec, .timings = timings};
	int status;

	(void)argc;
	timings_mark(timings, "program loaded");
	if (run_options_check(options, host_cpus(), err) < 0 ||
	    accel_parse(options->accel, &run.accel, err) < 0)
		return -1;
	if (has_terminal(&run) && !isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID, "Error: -it requires a TTY");
	if (path_state_home(&state_home, err) < 0 || path_cache_home(&cache_home, err) < 0)
		return -1;
	if (find_image(options, cache_home, &image, err) < 0)
		return err_wrap(err, "building rootfs");
	if (run_options_resolve(options, argv, &image->config, err) < 0)
		return -1;
	timings_mark(timings, "image found");
	handles_open(&run);
	status = run_image(&run, state_home, cache_home, image, err);
	handles_close(&run);
	if (run.started_by)
		timings_print(timings, options->timings, run.started_by);
	cli->exit_code = options->rm ? run.exit_code : 0;
	return status;
}
