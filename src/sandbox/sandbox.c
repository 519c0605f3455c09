// SPDX-License-Identifier: MIT
/*
 * One sandbox: see sandbox.h.
 *
 * Happy path: row -> directory, log, disks -> VM -> SETUP answered READY -> ... -> SHUTDOWN or kill
 * -> clean-up.
 * Failure modes: the guest refuses its set-up, does not answer within START_TIMEOUT_MS, or the VM
 * ends: `ended` with the reason.  KVM that was chosen by measuring and ends before READY is tried
 * again with TCG, once; a boot in emulation that does not answer is begun again, once.
 * What SIGKILL of this process leaves (a row, a directory) is cleared by sandbox/gc.c; the VM dies
 * with us.
 */
#include "sandbox/sandbox.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/random.h"
#include "sandbox/disks.h"
#include "sandbox/machine.h"
#include "sandbox/setup.h"
#include "sandbox/vm_log.h"
#include "state/lifecycle.h"
#include "state/state.h"
#include "vmm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* A cold boot, in emulation on a loaded host.  Under KVM it takes well under a second, and
	 * a KVM that cannot run the guest may leave QEMU paused. */
	START_TIMEOUT_TCG_MS = 60 * 1000,
	START_TIMEOUT_KVM_MS = 20 * 1000,
	SYNC_MS = 2000, /* for unmounting, beyond the grace */
	ID_TRIES = 8,
};

struct sandbox {
	struct sandbox_host host;
	struct sandbox_request request;
	struct sandbox_owner owner;
	char id[16];
	char *dir;
	bool registered;
	struct vm_log *log;
	struct disks disks;
	struct accel_probe probe;
	struct machine *machine;
	struct mux_stream *setup, *shutdown;
	uv_timer_t timer; /* start deadline, then the end of the grace */
	bool ready, stopping, told, booted_again;
};

static void on_machine_ended(void *ctx, const struct err *why);
static void on_start_timeout(uv_timer_t *timer);

/* The history is for people: failing to write it must not fail the sandbox. */
static void set_phase(struct sandbox *sandbox, enum phase phase, const char *error)
{
	struct err err;

	if (lifecycle_set_phase(sandbox->host.state, sandbox->id, phase, error, &err) < 0)
		log_warn("sandbox", "%s: history: %s", sandbox->id, err.msg);
}

static void set_cleanup(struct sandbox *sandbox, const char *step, const struct err *failed)
{
	struct err err;

	if (lifecycle_set_cleanup(sandbox->host.state, sandbox->id, step,
				  failed->code ? failed->msg : NULL, &err) < 0)
		log_warn("sandbox", "%s: history: %s", sandbox->id, err.msg);
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
		row.pid_start = state_process_start(row.pid);
		row.remove = sandbox->request.remove;
		row.status = SANDBOX_RUNNING;
		row.image = sandbox->request.spec->image;
		row.config_json = config;
		status = state_register(sandbox->host.state, &row, err);
		if (status == 0 || err->code != ERR_CONFLICT)
			return status;
	}
	return err_wrap(err, "no free VM id");
}

static int create_files(struct sandbox *sandbox, struct err *err)
{
	const struct sandbox_spec *spec = sandbox->request.spec;
	AUTO_FREE char *upper = path_join(sandbox->dir, "upper.ext4");

	if (path_mkdirs(sandbox->dir, 0700, err) < 0 ||
	    vm_log_open(sandbox->dir, &sandbox->log, err) < 0 ||
	    disks_open(sandbox->dir, sandbox->request.layers, spec->disk_size_mb, &sandbox->disks,
		       err) < 0)
		return -1;
	sandbox->request.layers = NULL;
	if (lifecycle_set_resource(sandbox->host.state, sandbox->id, "state_dir", sandbox->dir,
				   err) < 0 ||
	    lifecycle_set_resource(sandbox->host.state, sandbox->id, "rootfs_path", upper, err) < 0)
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
	uv_timer_init(host->loop, &sandbox->timer);
	sandbox->timer.data = sandbox;
	if (register_row(sandbox, err) == 0) {
		sandbox->registered = true;
		sandbox->dir = xasprintf("%s/vms/%s", host->state_home, sandbox->id);
		set_phase(sandbox, PHASE_CREATING, NULL);
		if (create_files(sandbox, err) == 0) {
			set_phase(sandbox, PHASE_CREATED, NULL);
			*ret_sandbox = sandbox;
			return 0;
		}
		set_phase(sandbox, PHASE_CREATE_FAILED, err->msg);
	}
	if (sandbox_close(sandbox, &undo) < 0)
		log_warn("sandbox", "undo: %s", undo.msg);
	return -1;
}

/* --- start --- */

static void tell_ended(struct sandbox *sandbox, const struct err *why)
{
	static const struct err none = {ERR_NONE, 0, ""};

	if (sandbox->told)
		return;
	sandbox->told = true;
	uv_timer_stop(&sandbox->timer);
	if (!sandbox->stopping)
		set_phase(sandbox, sandbox->ready ? PHASE_STOPPING : PHASE_START_FAILED, why->msg);
	sandbox->owner.ended(sandbox->owner.ctx, sandbox->stopping ? &none : why);
}

static void send_clock(struct sandbox *sandbox)
{
	AUTO_BUF struct buf message = BUF_INIT(64);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	agent_clock_pack(&message, &(struct agent_clock){(uint64_t)now.tv_sec * 1000000000u +
							 (uint64_t)now.tv_nsec});
	mux_message(sandbox->setup, AGENT_CLOCK, (struct view){message.ptr, message.len});
}

static void on_setup_message(void *ctx, uint8_t type, struct view payload)
{
	struct sandbox *sandbox = ctx;
	struct agent_failed failed = {0};
	struct agent_steps steps;
	struct err err = {0};

	if (type == AGENT_READY && !sandbox->ready &&
	    agent_steps_unpack(payload, &steps, &err) == 0) {
		send_clock(sandbox);
		sandbox->ready = true;
		uv_timer_stop(&sandbox->timer);
		set_phase(sandbox, PHASE_RUNNING, NULL);
		sandbox->owner.ready(sandbox->owner.ctx);
		return;
	}
	if (type != AGENT_FAILED && err.code == ERR_NONE)
		err_set_(&err, ERR_PROTOCOL, "unexpected message %u of the guest agent", type);
	else if (type == AGENT_FAILED && agent_failed_unpack(payload, &failed, &err) == 0)
		err_set_(&err, ERR_IO, "the guest could not be set up: %s", failed.text);
	agent_failed_done(&failed);
	tell_ended(sandbox, &err);
}

static void on_setup_closed(void *ctx)
{
	struct sandbox *sandbox = ctx;
	bool all = mux_is_ending(sandbox->setup);
	struct err err;

	mux_close(STEAL(sandbox->setup));
	if (all || sandbox->ready)
		return; /* the end of the machine follows and says why; or all is well */
	err_set_(&err, ERR_PROTOCOL, "the guest agent gave the set-up up without a word");
	tell_ended(sandbox, &err);
}

static const struct mux_stream_ops setup_ops = {
	.message = on_setup_message,
	.closed = on_setup_closed,
};

static int send_setup(struct sandbox *sandbox, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	int status = setup_pack(sandbox->request.spec, sandbox->id, &sandbox->disks, &request, err);

	if (status == 0)
		status = mux_open(machine_mux(sandbox->machine), AGENT_SETUP,
				  (struct view){request.ptr, request.len}, &setup_ops, sandbox,
				  &sandbox->setup, err);
	explicit_bzero(request.ptr, request.len); /* the guest's entropy */
	return status;
}

/* The kernel: MATCHLOCK_KERNEL, else the artefact. */
static int open_kernel(int *ret_fd, struct err *err)
{
	const char *override = getenv("MATCHLOCK_KERNEL");
	AUTO_FREE char *path = NULL;
	int fd;

	if (override && *override)
		path = xstrdup(override);
	else if (path_artefact("kernel", &path, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open kernel '%s'%s", path,
			       override && *override ? " (MATCHLOCK_KERNEL)" : "");
	*ret_fd = fd;
	return 0;
}

static unsigned start_timeout_ms(const struct sandbox *sandbox)
{
	return sandbox->probe.accel == ACCEL_KVM ? START_TIMEOUT_KVM_MS : START_TIMEOUT_TCG_MS;
}

static int start_machine(struct sandbox *sandbox, struct err *err)
{
	const struct sandbox_spec *spec = sandbox->request.spec;
	const struct machine_owner owner = {on_machine_ended, sandbox};
	AUTO_FREE char *initramfs = NULL;
	AUTO_FD int kernel_fd = -1;
	AUTO_FD int initramfs_fd = -1;
	struct vm_spec vm = {
		.accel = sandbox->probe.accel,
		.tsc_khz = sandbox->probe.tsc_khz,
		.cpus = (unsigned)ceil(spec->cpus),
		.memory_mb = (unsigned)spec->memory_mb,
		.disks = sandbox->disks.vm,
		.disk_count = sandbox->disks.count,
	};

	if (open_kernel(&kernel_fd, err) < 0 || path_artefact("initramfs", &initramfs, err) < 0)
		return -1;
	initramfs_fd = open(initramfs, O_RDONLY | O_CLOEXEC);
	if (initramfs_fd < 0)
		return err_sys(err, errno, "open '%s'", initramfs);
	vm.kernel_fd = kernel_fd;
	vm.initramfs_fd = initramfs_fd;
	if (machine_start(sandbox->host.loop, sandbox->host.vmm, &vm, sandbox->log, &owner,
			  &sandbox->machine, err) < 0)
		return -1;
	uv_timer_start(&sandbox->timer, on_start_timeout, start_timeout_ms(sandbox), 0);
	return send_setup(sandbox, err);
}

int sandbox_start(struct sandbox *sandbox, struct err *err)
{
	if (accel_probe(sandbox->host.cache_home, &sandbox->probe, err) < 0)
		return -1;
	if (sandbox->request.accel != ACCEL_AUTO) {
		sandbox->probe.accel = sandbox->request.accel;
		sandbox->probe.reason[0] = '\0';
	}
	set_phase(sandbox, PHASE_STARTING, NULL);
	if (start_machine(sandbox, err) == 0)
		return 0;
	set_phase(sandbox, PHASE_START_FAILED, err->msg);
	return -1;
}

/* KVM looked fast but does not carry this VM. */
static bool retry_with_tcg(struct sandbox *sandbox, const struct err *why)
{
	struct err err;

	if (sandbox->ready || sandbox->stopping || sandbox->request.accel != ACCEL_AUTO ||
	    sandbox->probe.accel != ACCEL_KVM)
		return false;
	log_warn("sandbox", "%s: KVM: %s; trying emulation", sandbox->id, why->msg);
	machine_close(STEAL(sandbox->machine));
	sandbox->probe.accel = ACCEL_TCG;
	snprintf(sandbox->probe.reason, sizeof(sandbox->probe.reason), "%s",
		 "the VM ended under KVM");
	if (start_machine(sandbox, &err) < 0)
		tell_ended(sandbox, &err);
	return true;
}

static void on_machine_ended(void *ctx, const struct err *why)
{
	struct sandbox *sandbox = ctx;

	if (!retry_with_tcg(sandbox, why))
		tell_ended(sandbox, why);
}

static void on_start_timeout(uv_timer_t *timer)
{
	struct sandbox *sandbox = timer->data;
	struct err err;

	err_set_(&err, ERR_TIMEOUT, "the guest did not answer within %u s",
		 start_timeout_ms(sandbox) / 1000);
	/* A boot in emulation that a busy host disturbs may hang: once more from the start. */
	if (sandbox->probe.accel == ACCEL_TCG && !sandbox->booted_again) {
		sandbox->booted_again = true;
		log_warn("sandbox", "%s: %s; booting again", sandbox->id, err.msg);
		machine_close(STEAL(sandbox->machine));
		if (start_machine(sandbox, &err) < 0)
			tell_ended(sandbox, &err);
		return;
	}
	on_machine_ended(sandbox, &err);
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
	machine_close(STEAL(sandbox->machine));
	tell_ended(sandbox, NULL);
}

static void on_grace_over(uv_timer_t *timer)
{
	end_now(timer->data);
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
	bool again = sandbox->stopping;
	bool nothing_to_save = sandbox->request.remove && sandbox->request.grace_ms == 0;

	if (sandbox->told)
		return;
	sandbox->stopping = true;
	if (!again)
		set_phase(sandbox, PHASE_STOPPING, NULL);
	if (again || nothing_to_save || !sandbox->ready || !send_shutdown(sandbox)) {
		end_now(sandbox);
		return;
	}
	uv_timer_start(&sandbox->timer, on_grace_over, sandbox->request.grace_ms + SYNC_MS, 0);
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
	AUTO_FREE char *upper = path_join(sandbox->dir, "upper.ext4");

	if (unlink(upper) < 0 && errno != ENOENT)
		err_sys_(err, errno, "remove '%s'", upper);
}

/* What this sandbox wrote, in the order that leaves nothing unknown if we are killed half-way: the
 * row goes last. */
static void clean_records(struct sandbox *sandbox, struct err *first)
{
	struct err err = {0};

	set_phase(sandbox, PHASE_CLEANING, NULL);
	step_done(sandbox, "machine_close", &err, first);
	remove_upper(sandbox, &err);
	step_done(sandbox, "rootfs_remove", &err, first);
	if (!sandbox->request.remove) {
		state_set_status(sandbox->host.state, sandbox->id, SANDBOX_STOPPED, &err);
		step_done(sandbox, "state_unregister", &err, first);
	} else if (path_remove_tree(sandbox->dir, &err) == 0) {
		state_remove(sandbox->host.state, sandbox->id, &err);
	}
	if (err.code != ERR_NONE && first->code == ERR_NONE)
		*first = err;
	set_phase(sandbox, first->code ? PHASE_CLEANUP_FAILED : PHASE_CLEANED,
		  first->code ? first->msg : NULL);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int sandbox_close(struct sandbox *sandbox, struct err *err)
{
	struct err first = {0};

	if (!sandbox)
		return 0;
	sandbox->told = true;
	machine_close(STEAL(sandbox->machine));
	disks_done(&sandbox->disks);
	vm_log_free(STEAL(sandbox->log));
	if (sandbox->registered)
		clean_records(sandbox, &first);
	free(STEAL(sandbox->dir));
	uv_close((uv_handle_t *)&sandbox->timer, on_timer_closed);
	if (first.code == ERR_NONE)
		return 0;
	*err = first;
	return err_wrap(err, "clean up");
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
