// SPDX-License-Identifier: MIT
/*
 * One sandbox: see sandbox.h.
 *
 * Happy path: row -> directory, log, disks -> VM -> SETUP answered READY -> ... -> SHUTDOWN or kill
 * -> clean-up.
 * Failure modes: it cannot be started (sandbox/start.c), or the VM ends: `ended` with the reason.
 * What SIGKILL of this process leaves (a row, a directory) is cleared by sandbox/gc.c; the VM dies
 * with us.
 */
#include "sandbox/sandbox_internal.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/random.h"
#include "sandbox/disks.h"
#include "sandbox/machine.h"
#include "sandbox/network.h"
#include "sandbox/setup.h"
#include "sandbox/vm_log.h"
#include "state/lifecycle.h"
#include "state/process.h"
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SYNC_MS = 2000, /* for unmounting what is thrown away, beyond the grace */
	/* With disks that are kept, programs get at least this long to save what they hold. */
	GRACE_DATA_MS = 2000,
	ID_TRIES = 8,
};

/* Who keeps the database locked has kept us waiting once: that is enough. */
static void history_failed(struct sandbox *sandbox, const struct err *err)
{
	log_warn("sandbox", "%s: history: %s", sandbox->id, err->msg);
	sandbox->history_lost |= err->code == ERR_TIMEOUT;
}

void sandbox_set_phase(struct sandbox *sandbox, enum phase phase, const char *error)
{
	struct err err;

	if (!sandbox->history_lost &&
	    lifecycle_set_phase(sandbox->host.state, sandbox->id, phase, error, &err) < 0)
		history_failed(sandbox, &err);
	sandbox_fault_point(sandbox, phase_name(phase));
}

void sandbox_fault_point(const struct sandbox *sandbox, const char *name)
{
	struct fault_victims others = {0};

	if (sandbox->machine)
		others.vmm = machine_pid(sandbox->machine);
	if (sandbox->network)
		network_pids(sandbox->network, &others.gateway, &others.resolver);
	fault_point(name, &others);
}

static void set_cleanup(struct sandbox *sandbox, const char *step, const struct err *failed)
{
	struct err err;

	if (!sandbox->history_lost &&
	    lifecycle_set_cleanup(sandbox->host.state, sandbox->id, step,
				  failed->code ? failed->msg : NULL, &err) < 0)
		history_failed(sandbox, &err);
}

void sandbox_tell_ended(struct sandbox *sandbox, const struct err *why)
{
	static const struct err none = {ERR_NONE, 0, ""};

	if (sandbox->told)
		return;
	sandbox->told = true;
	uv_timer_stop(&sandbox->timer);
	if (!sandbox->stopping)
		sandbox_set_phase(sandbox, sandbox->ready ? PHASE_STOPPING : PHASE_START_FAILED,
				  why->msg);
	sandbox->owner.ended(sandbox->owner.ctx, sandbox->stopping ? &none : why);
}

/* --- create --- */

static int register_row(struct sandbox *sandbox, struct err *err)
{
	for (int i = 0; i < ID_TRIES; i++) {
		AUTO_FREE char *config = NULL;
		struct sandbox_row row = {0};
		json_t *json;
		int status;

		strcpy(sandbox->id, "vm-");
		random_hex(sandbox->id + 3, 8);
		json = sandbox_spec_to_json(sandbox->request.spec, sandbox->id);
		config = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
		json_decref(json);
		row.id = sandbox->id;
		row.pid = getpid();
		row.pid_start = process_start_time(row.pid);
		row.remove = sandbox->request.remove;
		row.status = SANDBOX_RUNNING;
		row.image = sandbox->request.spec->image;
		row.config_json = config;
		row.name = sandbox->request.spec->name;
		row.labels = sandbox->request.spec->labels;
		status = state_register(sandbox->host.state, &row, err);
		if (status == 0 || err->code != ERR_CONFLICT)
			return status;
	}
	return err_wrap(err, "no free VM id");
}

static int create_files(struct sandbox *sandbox, struct err *err)
{
	const struct sandbox_spec *spec = sandbox->request.spec;

	if (path_mkdirs(sandbox->dir, 0700, err) < 0 ||
	    vm_log_open(sandbox->dir, &sandbox->log, err) < 0 ||
	    disks_open(sandbox->request.layers, spec->disk_count, &sandbox->disks, err) < 0 ||
	    disks_add_data(&sandbox->disks, sandbox->host.state, spec->disks, spec->disk_count,
			   err) < 0)
		return -1;
	sandbox_fault_point(sandbox, "files");
	sandbox->request.layers = NULL;
	if (lifecycle_set_resource(sandbox->host.state, sandbox->id, "state_dir", sandbox->dir,
				   err) < 0 ||
	    lifecycle_set_resource(sandbox->host.state, sandbox->id, "rootfs_path",
				   sandbox->upper_path, err) < 0)
		return -1;
	return 0;
}

int sandbox_create(const struct sandbox_host *host, const struct sandbox_request *request,
		   const struct sandbox_owner *owner, struct sandbox **ret_sandbox, struct err *err)
{
	struct sandbox *sandbox = xcalloc(1, sizeof(*sandbox));
	struct err undo;

	sandbox->host = *host;
	sandbox->request = *request;
	sandbox->owner = *owner;
	sandbox->start.files = (struct template_files)TEMPLATE_FILES_NONE;
	sandbox->start.builder = (struct proc)PROC_INIT;
	sandbox->policy = policy_spec_copy(&request->spec->policy);
	uv_timer_init(host->loop, &sandbox->timer);
	sandbox->timer.data = sandbox;
	sandbox->handles = 1;
	if (register_row(sandbox, err) == 0) {
		sandbox->registered = true;
		sandbox->dir = xasprintf("%s/vms/%s", host->state_home, sandbox->id);
		sandbox->upper_path = path_join(sandbox->dir, "upper.ext4");
		sandbox_set_phase(sandbox, PHASE_CREATING, NULL);
		if (create_files(sandbox, err) == 0) {
			sandbox_set_phase(sandbox, PHASE_CREATED, NULL);
			*ret_sandbox = sandbox;
			return 0;
		}
		sandbox_set_phase(sandbox, PHASE_CREATE_FAILED, err->msg);
	}
	if (sandbox_close(sandbox, &undo) < 0)
		log_warn("sandbox", "undo: %s", undo.msg);
	return -1;
}

/* --- stop --- */

static void on_shutdown_message(void *ctx, uint8_t type, struct view payload)
{
	(void)ctx;
	(void)payload;
	log_debug("sandbox", "shutdown: message %u", type); /* the end of the VM follows */
}

static void on_shutdown_closed(void *ctx)
{
	struct sandbox *sandbox = ctx;

	mux_close(STEAL(sandbox->shutdown));
}

static const struct mux_stream_ops shutdown_ops = {
	.message = on_shutdown_message,
	.closed = on_shutdown_closed,
};

static void end_now(struct sandbox *sandbox)
{
	sandbox_end_machine(sandbox);
	sandbox_tell_ended(sandbox, NULL);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct sandbox *sandbox = timer->data;

	if (disks_are_written(&sandbox->disks))
		log_warn("sandbox", "%s: the guest did not unmount its disks in time", sandbox->id);
	end_now(sandbox);
}

static bool send_shutdown(struct sandbox *sandbox)
{
	AUTO_BUF struct buf request = BUF_INIT(64);
	struct mux *mux = sandbox->machine ? machine_mux(sandbox->machine) : NULL;
	struct err err;

	agent_shutdown_pack(&request,
			    &(struct agent_shutdown){(uint32_t)sandbox->request.grace_ms});
	if (mux && mux_open(mux, AGENT_SHUTDOWN, (struct view){request.ptr, request.len},
			    &shutdown_ops, sandbox, &sandbox->shutdown, &err) == 0)
		return true;
	return false;
}

void sandbox_stop(struct sandbox *sandbox)
{
	bool written = disks_are_written(&sandbox->disks);
	bool again = sandbox->stopping;
	bool nothing_to_save;
	struct err err;

	if (sandbox->told)
		return;
	if (state_get_stop_grace(sandbox->host.state, sandbox->id, &sandbox->request.grace_ms,
				 &err) < 0)
		log_warn("sandbox", "%s: %s", sandbox->id, err.msg);
	if (written)
		sandbox->request.grace_ms = MAX(sandbox->request.grace_ms, (uint64_t)GRACE_DATA_MS);
	nothing_to_save = sandbox->request.remove && sandbox->request.grace_ms == 0;
	sandbox->stopping = true;
	if (!again)
		sandbox_set_phase(sandbox, PHASE_STOPPING, NULL);
	if (again || nothing_to_save || !sandbox->ready || !send_shutdown(sandbox)) {
		end_now(sandbox);
		return;
	}
	uv_timer_start(&sandbox->timer, on_grace_over,
		       sandbox->request.grace_ms + (written ? SANDBOX_SYNC_MS : SYNC_MS), 0);
}

/* --- close --- */

/* Keeps the first failure. */
static void step_done(struct sandbox *sandbox, const char *step, struct err *step_err,
		      struct err *first)
{
	set_cleanup(sandbox, step, step_err);
	if (step_err->code != ERR_NONE && first->code == ERR_NONE)
		*first = *step_err;
	step_err->code = ERR_NONE;
}

static void remove_upper(const struct sandbox *sandbox, struct err *err)
{
	if (unlink(sandbox->upper_path) < 0 && errno != ENOENT)
		err_sys_(err, errno, "remove '%s'", sandbox->upper_path);
}

/* What this sandbox wrote, in the order that leaves nothing unknown if we are killed half-way: the
 * row goes last. */
static void clean_records(struct sandbox *sandbox, struct err *first)
{
	struct err err = {0};

	sandbox_set_phase(sandbox, PHASE_CLEANING, sandbox->crash);
	step_done(sandbox, "machine_close", &err, first);
	remove_upper(sandbox, &err);
	step_done(sandbox, "rootfs_remove", &err, first);
	sandbox_fault_point(sandbox, "disk-removed");
	if (!sandbox->request.remove) {
		state_set_status(sandbox->host.state, sandbox->id,
				 sandbox->crash ? SANDBOX_CRASHED : SANDBOX_STOPPED, &err);
		step_done(sandbox, "state_unregister", &err, first);
	} else if (path_remove_tree(sandbox->dir, &err) == 0) {
		sandbox_fault_point(sandbox, "directory-removed");
		state_remove(sandbox->host.state, sandbox->id, &err);
	}
	if (err.code != ERR_NONE && first->code == ERR_NONE)
		*first = err;
	sandbox_set_phase(sandbox, first->code ? PHASE_CLEANUP_FAILED : PHASE_CLEANED,
			  first->code ? first->msg : sandbox->crash);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct sandbox *sandbox = handle->data;

	if (--sandbox->handles == 0)
		free(sandbox);
}

int sandbox_close(struct sandbox *sandbox, struct err *err)
{
	struct err first = {0};

	if (!sandbox)
		return 0;
	sandbox->told = true;
	sandbox_end_machine(sandbox);
	network_close(STEAL(sandbox->network));
	disks_done(&sandbox->disks);
	vm_log_free(STEAL(sandbox->log));
	if (sandbox->registered)
		clean_records(sandbox, &first);
	start_build_template(sandbox);
	free(STEAL(sandbox->dir));
	free(STEAL(sandbox->upper_path));
	free(STEAL(sandbox->crash));
	policy_spec_done(&sandbox->policy);
	uv_close((uv_handle_t *)&sandbox->timer, on_handle_closed);
	if (sandbox->start.built)
		uv_close((uv_handle_t *)&sandbox->start.builder_poll, on_handle_closed);
	if (first.code == ERR_NONE)
		return 0;
	*err = first;
	return err_wrap(err, "clean up");
}

/* --- its policy --- */

const struct policy_spec *sandbox_policy(const struct sandbox *sandbox)
{
	return &sandbox->policy;
}

int sandbox_set_policy(struct sandbox *sandbox, const struct policy_spec *policy, struct err *err)
{
	if (!sandbox->network_serves)
		return err_set(err, ERR_UNAVAILABLE, "the sandbox has no network");
	if (network_set_policy(sandbox->network, policy, err) < 0)
		return -1;
	policy_spec_done(&sandbox->policy);
	sandbox->policy = policy_spec_copy(policy);
	return 0;
}

/* --- what others may know --- */

const char *sandbox_id(const struct sandbox *sandbox)
{
	return sandbox->id;
}

struct mux *sandbox_mux(struct sandbox *sandbox)
{
	return machine_mux(sandbox->machine);
}

struct vm_log *sandbox_log(struct sandbox *sandbox)
{
	return sandbox->log;
}

enum accel sandbox_accel(const struct sandbox *sandbox)
{
	return sandbox->probe.accel;
}

const char *sandbox_accel_reason(const struct sandbox *sandbox)
{
	return sandbox->probe.reason;
}
