// SPDX-License-Identifier: MIT
/*
 * Starting a sandbox's VM from the quickest thing there is: its image's template, a generic
 * template, a boot.  A generic template that is missing is made first, by a process of its own,
 * since making it takes hardly longer than a boot and the next image gains from it.
 *
 * Happy path: accelerator -> keys -> template -> upper disk -> VM -> SETUP -> READY.
 * Failure modes: the guest refuses its set-up, does not answer in time, or the VM ends.  A template
 * that this happens to is dropped and the next level tried; what refuses, only when a lower level
 * does not: else the sandbox is at fault, by its image or its flags.  KVM that was chosen by
 * measuring and fails at every level is given up for TCG; a boot in emulation that does not answer,
 * since a busy host disturbed it, is begun again, once.  Whatever is wrong with templates as such
 * (no space, no permission) only makes the start slower.
 */
#include "sandbox/sandbox_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/timings.h"
#include "sandbox/boot_files.h"
#include "sandbox/machine.h"
#include "sandbox/network.h"
#include "sandbox/setup.h"
#include "sandbox/setup_stream.h"
#include "sandbox/template_key.h"
#include "state/state.h"
#include "vmm/accel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	/* A cold boot, in emulation on a loaded host.  Under KVM it takes well under a second, and
	 * a KVM that cannot run the guest may leave QEMU paused. */
	BOOT_TIMEOUT_TCG_MS = 60 * 1000,
	BOOT_TIMEOUT_KVM_MS = 20 * 1000,
	/* A restored guest answers within 100 ms, or minutes late in a crowd. */
	RESTORE_TIMEOUT_TCG_MS = 15 * 1000,
	RESTORE_TIMEOUT_KVM_MS = 5 * 1000,
};

static const char *const level_names[] = {
	[START_IMAGE] = "image template",
	[START_GENERIC] = "generic template",
	[START_COLD] = "cold boot",
};

static void on_machine_ended(void *ctx, const struct err *why);
static void on_deadline(uv_timer_t *timer);

/* --- which templates there are --- */

/* The VM as the templates know it. */
static struct vm_spec shape_of(const struct sandbox *sandbox, const struct boot_files *files)
{
	const struct sandbox_spec *spec = sandbox->request.spec;

	return (struct vm_spec){
		.begin = VM_RESTORE,
		.ram_fd = -1,
		.state_fd = -1,
		.accel = sandbox->probe.accel,
		.tsc_khz = sandbox->probe.tsc_khz,
		.cpus = (unsigned)ceil(spec->cpus),
		.memory_mb = (unsigned)spec->memory_mb,
		.kernel_fd = files->kernel_fd,
		.initramfs_fd = files->initramfs_fd,
		.slots = vm_slots(sandbox->disks.count + 1), /* and the upper one */
		.net_fd = sandbox->network ? network_tap_fd(sandbox->network) : -1,
	};
}

static int make_keys(struct sandbox *sandbox, const struct boot_files *files, struct err *err)
{
	struct start *start = &sandbox->start;
	const struct vm_spec shape = shape_of(sandbox, files);
	const struct template_of_image of = {
		.generic_key = start->keys[START_GENERIC],
		.disks = &sandbox->disks,
		.disk_mb = sandbox->request.spec->disk_size_mb,
		.cpus = sandbox->request.spec->cpus,
		.network = !sandbox->request.spec->no_network,
		.config = sandbox->request.image_config,
	};

	if (template_key_generic(sandbox->host.vmm, &shape, start->keys[START_GENERIC], err) < 0)
		return -1;
	/* What such a template has set up is an unprivileged container on the image's own disks. */
	if (!sandbox->request.image_config || sandbox->request.spec->privileged ||
	    sandbox->request.spec->disk_count > 0)
		return 0;
	return template_key_image(&of, start->keys[START_IMAGE], err);
}

static void remove_template(const struct sandbox *sandbox, const char *key)
{
	struct err err;

	if (templates_remove(sandbox->host.cache_home, key, &err) < 0)
		log_warn("sandbox", "%s", err.msg);
}

/* The best level from `first` on whose template can be had. */
static void choose_level(struct sandbox *sandbox, enum start_level first)
{
	struct start *start = &sandbox->start;

	template_files_close(&start->files);
	for (start->level = first; start->level < START_COLD; start->level++) {
		const char *key = start->keys[start->level];
		struct err err;

		if (!*key)
			continue;
		if (templates_open(sandbox->host.cache_home, key, sandbox->probe.tsc_khz,
				   &start->files, &err) == 0)
			return;
		log_debug("sandbox", "%s: %s", level_names[start->level], err.msg);
		if (err.code == ERR_INVALID)
			remove_template(sandbox, key);
	}
}

/* --- one try --- */

/* They refused what another guest took. */
static void remove_refusers(const struct sandbox *sandbox)
{
	for (size_t level = 0; level < START_COLD; level++) {
		if (sandbox->start.refused[level])
			remove_template(sandbox, sandbox->start.keys[level]);
	}
}

static void on_ready(void *ctx, const struct agent_steps *steps)
{
	struct sandbox *sandbox = ctx;

	timings_mark(sandbox->host.timings, "guest ready");
	remove_refusers(sandbox);
	for (size_t i = 0; i < steps->count; i++)
		timings_guest(sandbox->host.timings, agent_step_name(steps->steps[i].step),
			      steps->steps[i].us);
	sandbox->ready = true;
	uv_timer_stop(&sandbox->timer);
	sandbox_set_phase(sandbox, PHASE_RUNNING, NULL);
	sandbox->owner.ready(sandbox->owner.ctx);
}

static int send_setup(struct sandbox *sandbox, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	const struct setup_owner owner = {on_ready, on_machine_ended, sandbox};
	int status = setup_pack(sandbox->request.spec, sandbox->id, &sandbox->disks, &request, err);

	if (status == 0)
		status = setup_stream_open(sandbox->host.loop, machine_mux(sandbox->machine),
					   (struct view){request.ptr, request.len}, &owner,
					   &sandbox->setup, err);
	explicit_bzero(request.ptr, request.len); /* the guest's entropy */
	return status;
}

static unsigned deadline_ms(const struct sandbox *sandbox)
{
	bool kvm = sandbox->probe.accel == ACCEL_KVM;

	if (sandbox->start.level == START_COLD)
		return kvm ? BOOT_TIMEOUT_KVM_MS : BOOT_TIMEOUT_TCG_MS;
	return kvm ? RESTORE_TIMEOUT_KVM_MS : RESTORE_TIMEOUT_TCG_MS;
}

/* A guest that is cut off from its network is of no use. */
static void on_network_ended(void *ctx, const struct err *why)
{
	struct sandbox *sandbox = ctx;

	if (sandbox->told || sandbox->stopping)
		return;
	sandbox->crash = xstrdup(why->msg);
	sandbox_tell_ended(sandbox, why);
}

/* Once for all tries: while the VM starts, for the guest's first packets wait. */
static int serve_network(struct sandbox *sandbox, struct err *err)
{
	const struct network_owner owner = {on_network_ended, sandbox};

	if (!sandbox->network || sandbox->network_serves)
		return 0;
	sandbox->network_serves = true;
	if (network_serve(sandbox->network, sandbox->host.loop, sandbox->request.spec, sandbox->id,
			  sandbox->dir, &owner, err) < 0)
		return err_wrap(err, "network");
	timings_mark(sandbox->host.timings, "gateway started");
	sandbox_fault_point(sandbox, "gateway-started");
	return 0;
}

/* Starts a VM of the level that was chosen, on an upper disk of its own. */
static int launch(struct sandbox *sandbox, struct err *err)
{
	AUTO(boot_files_close) struct boot_files files = BOOT_FILES_NONE;
	const struct machine_owner owner = {on_machine_ended, sandbox};
	struct start *start = &sandbox->start;
	struct vm_spec vm;

	if (boot_files_open(&files, err) < 0)
		return -1;
	disks_drop_upper(&sandbox->disks, sandbox->upper_path);
	if (disks_add_upper(&sandbox->disks, sandbox->upper_path, start->files.upper_fd,
			    sandbox->request.spec->disk_size_mb, err) < 0)
		return -1;
	timings_mark(sandbox->host.timings, "disks");
	vm = shape_of(sandbox, &files);
	vm.disks = sandbox->disks.vm;
	vm.disk_count = sandbox->disks.count;
	if (start->level == START_COLD) {
		vm.begin = VM_BOOT;
		vm.slots = 0;
	} else {
		vm.slots = vm_slots(vm.disk_count);
		vm.ram_fd = start->files.ram_fd;
		vm.state_fd = start->files.state_fd;
	}
	if (machine_start(sandbox->host.loop, sandbox->host.vmm, &vm, sandbox->log, &owner,
			  &sandbox->machine, err) < 0)
		return -1;
	timings_mark(sandbox->host.timings, "VM started");
	sandbox_fault_point(sandbox, "vmm-started");
	if (state_set_vmm(sandbox->host.state, sandbox->id, machine_pid(sandbox->machine), err) < 0)
		return -1;
	sandbox_fault_point(sandbox, "vmm-known");
	template_files_close(&start->files);
	if (serve_network(sandbox, err) < 0)
		return -1;
	uv_timer_start(&sandbox->timer, on_deadline, deadline_ms(sandbox), 0);
	return send_setup(sandbox, err);
}

/* What keeps a VM from being started at all is no fault of a template. */
static void launch_or_end(struct sandbox *sandbox)
{
	struct err err;

	if (launch(sandbox, &err) < 0)
		sandbox_tell_ended(sandbox, &err);
}

void start_go_on(struct sandbox *sandbox)
{
	choose_level(sandbox, START_IMAGE);
	launch_or_end(sandbox);
}

/* --- the next try --- */

static bool drop_level(struct sandbox *sandbox, const struct err *why)
{
	struct start *start = &sandbox->start;

	if (start->level == START_COLD)
		return false;
	log_warn("sandbox", "%s: %s: %s", sandbox->id, level_names[start->level], why->msg);
	if (why->code == ERR_INVALID)
		start->refused[start->level] = true;
	else
		remove_template(sandbox, start->keys[start->level]);
	choose_level(sandbox, start->level + 1);
	return true;
}

static void use_tcg(struct sandbox *sandbox)
{
	AUTO(boot_files_close) struct boot_files files = BOOT_FILES_NONE;
	struct err err;

	disks_drop_upper(&sandbox->disks, sandbox->upper_path); /* keys are made without it */
	sandbox->probe.accel = ACCEL_TCG;
	snprintf(sandbox->probe.reason, sizeof(sandbox->probe.reason), "%s",
		 "the VM ended under KVM");
	memset(sandbox->start.keys, 0, sizeof(sandbox->start.keys));
	memset(sandbox->start.refused, 0, sizeof(sandbox->start.refused));
	if (!sandbox->request.no_template && boot_files_open(&files, &err) == 0 &&
	    make_keys(sandbox, &files, &err) < 0)
		log_warn("sandbox", "templates: %s", err.msg);
	choose_level(sandbox, START_IMAGE);
}

/* Whether there is another way to start, which is then chosen.  What a guest with disks of the
 * user's refuses, such as a damaged one, no other guest would take; nor what one that was booted
 * does. */
static bool choose_next(struct sandbox *sandbox, const struct err *why)
{
	if (why->code == ERR_INVALID && sandbox->request.spec->disk_count > 0)
		return false;
	if (drop_level(sandbox, why))
		return true;
	if (why->code != ERR_INVALID && sandbox->probe.accel == ACCEL_KVM &&
	    sandbox->request.accel == ACCEL_AUTO) {
		log_warn("sandbox", "%s: KVM: %s; trying emulation", sandbox->id, why->msg);
		use_tcg(sandbox);
		return true;
	}
	if (sandbox->probe.accel == ACCEL_TCG && why->code == ERR_TIMEOUT &&
	    !sandbox->start.booted_again) {
		log_warn("sandbox", "%s: %s; booting again", sandbox->id, why->msg);
		sandbox->start.booted_again = true;
		return true;
	}
	return false;
}

/* Whether the end that is told of was unasked.  A guest that could not be set up is none. */
static bool is_crash(const struct sandbox *sandbox)
{
	enum machine_exit exit = machine_exit(sandbox->machine);

	if (sandbox->stopping)
		return exit == MACHINE_FAILED;
	return sandbox->ready || exit != MACHINE_RUNS;
}

/* Whatever went wrong: before READY there may be another way, afterwards it is the end. */
static void on_machine_ended(void *ctx, const struct err *why)
{
	struct sandbox *sandbox = ctx;
	const struct err reason = *why; /* may go with the machine */

	if (sandbox->told)
		return;
	if (!sandbox->ready && !sandbox->stopping && choose_next(sandbox, &reason)) {
		uv_timer_stop(&sandbox->timer);
		sandbox_end_machine(sandbox);
		launch_or_end(sandbox);
		return;
	}
	if (is_crash(sandbox))
		sandbox->crash = xstrdup(reason.msg);
	sandbox_tell_ended(sandbox, &reason);
}

static void on_deadline(uv_timer_t *timer)
{
	struct sandbox *sandbox = timer->data;
	struct err err;

	err_set_(&err, ERR_TIMEOUT, "the guest did not answer within %u s",
		 deadline_ms(sandbox) / 1000);
	on_machine_ended(sandbox, &err);
}

/* --- the whole --- */

void sandbox_end_machine(struct sandbox *sandbox)
{
	start_end_builder(sandbox);
	setup_stream_close(STEAL(sandbox->setup));
	machine_close(STEAL(sandbox->machine));
}

/* What a VM is started with, whatever it is started from. */
static int open_parts(struct sandbox *sandbox, struct boot_files *files, struct err *err)
{
	const struct sandbox_spec *spec = sandbox->request.spec;

	if (boot_files_open(files, err) < 0)
		return -1;
	if (!spec->no_network && network_open((unsigned)spec->mtu, &sandbox->network, err) < 0)
		return -1;
	timings_mark(sandbox->host.timings, "network");
	return 0;
}

int sandbox_start(struct sandbox *sandbox, struct err *err)
{
	AUTO(boot_files_close) struct boot_files files = BOOT_FILES_NONE;
	struct start *start = &sandbox->start;

	if (accel_probe(sandbox->host.cache_home, &sandbox->probe, err) < 0)
		return -1;
	if (sandbox->request.accel != ACCEL_AUTO) {
		sandbox->probe.accel = sandbox->request.accel;
		sandbox->probe.reason[0] = '\0';
	}
	sandbox_set_phase(sandbox, PHASE_STARTING, NULL);
	if (open_parts(sandbox, &files, err) < 0) {
		sandbox_set_phase(sandbox, PHASE_START_FAILED, err->msg);
		return -1;
	}
	if (!sandbox->request.no_template && make_keys(sandbox, &files, err) < 0)
		log_warn("sandbox", "templates: %s", err->msg);
	choose_level(sandbox, START_IMAGE);
	timings_mark(sandbox->host.timings, "template chosen");
	if (start->level == START_COLD && start_await_generic(sandbox))
		return 0;
	if (launch(sandbox, err) == 0)
		return 0;
	sandbox_set_phase(sandbox, PHASE_START_FAILED, err->msg);
	return -1;
}

const char *sandbox_start_level(const struct sandbox *sandbox)
{
	return level_names[sandbox->start.level];
}
