// SPDX-License-Identifier: MIT
/*
 * Making templates: see template_build.h.
 *
 * A generic one: boot with the memory in a file -> PREPARE -> save -> try.
 * An image's: copy the generic memory -> restore onto the copy -> SETUP -> one command -> PREPARE
 * with a waiting process -> save -> copy the upper disk -> try.
 * The identity that the second is set up with is thrown away: each clone gets its own.  So is its
 * network: a clone's card goes on at the TAP that the clone is given.
 *
 * Failure modes: another process makes the same and takes too long; the VM does not do what it is
 * asked for within its deadline; no space.  Nothing is left behind then.
 */
#include "sandbox/template_build.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "net/net.h"
#include "sandbox/boot_files.h"
#include "sandbox/disks.h"
#include "sandbox/template_key.h"
#include "sandbox/template_vm.h"
#include "sandbox/templates_internal.h"
#include "vmm/accel.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { STATE_SIZE = 0 }; /* as it comes */

struct build {
	const struct template_request *request;
	struct accel_probe probe;
	struct boot_files boot;
	struct disks disks; /* modules and layers */
	char generic_key[TEMPLATE_KEY_SIZE];
	unsigned made;
};

static void build_done(struct build *build)
{
	boot_files_close(&build->boot);
	disks_done(&build->disks);
}

static void tell(const struct build *build, const char *step)
{
	if (build->request->progress)
		build->request->progress(build->request->ctx, step);
}

static struct vm_spec vm_of(const struct build *build, enum vm_begin begin, int ram_fd,
			    int state_fd)
{
	const struct sandbox_spec *spec = build->request->spec;

	return (struct vm_spec){
		.begin = begin,
		.ram_fd = ram_fd,
		.state_fd = state_fd,
		.accel = build->probe.accel,
		.tsc_khz = build->probe.tsc_khz,
		.cpus = (unsigned)ceil(spec->cpus),
		.memory_mb = (unsigned)spec->memory_mb,
		.kernel_fd = build->boot.kernel_fd,
		.initramfs_fd = build->boot.initramfs_fd,
		.slots = vm_slots(build->disks.count + 1),
		.net_fd = -1,
	};
}

static struct template_about about_of(const struct build *build)
{
	const struct sandbox_spec *spec = build->request->spec;

	return (struct template_about){
		.accel = (char *)accel_name(build->probe.accel),
		.cpus = (unsigned)ceil(spec->cpus),
		.memory_mb = (unsigned)spec->memory_mb,
		.tsc_khz = build->probe.tsc_khz,
	};
}

static int make_ram(const struct build *build, struct template_draft *draft, int *ret_fd,
		    struct err *err)
{
	uint64_t size = (uint64_t)build->request->spec->memory_mb << 20;

	return template_draft_file(draft, TEMPLATE_RAM, size, ret_fd, err);
}

/* --- generic --- */

/* A clone that answers is enough: what a template's VM can do is seen when an image's one is
 * derived from it, or a sandbox started. */
static int try_generic(const struct build *build, struct template_draft *draft, struct err *err)
{
	AUTO(template_files_close) struct template_files files = TEMPLATE_FILES_NONE;
	AUTO(auto_template_vm) struct template_vm *vm = NULL;
	struct vm_spec spec;

	tell(build, "trying");
	if (template_draft_open(draft, &files, err) < 0)
		return -1;
	spec = vm_of(build, VM_RESTORE, files.ram_fd, files.state_fd);
	if (template_vm_start(build->request->vmm, &spec, &vm, err) < 0)
		return -1;
	return template_vm_prepare(vm, NULL, err);
}

static int save_generic(const struct build *build, struct template_draft *draft, struct err *err)
{
	AUTO(auto_template_vm) struct template_vm *vm = NULL;
	AUTO_FD int ram = -1, state = -1;
	struct vm_spec spec;

	if (make_ram(build, draft, &ram, err) < 0 ||
	    template_draft_file(draft, TEMPLATE_STATE, STATE_SIZE, &state, err) < 0)
		return -1;
	spec = vm_of(build, VM_BOOT_INTO, ram, -1);
	if (template_vm_start(build->request->vmm, &spec, &vm, err) < 0 ||
	    template_vm_prepare(vm, NULL, err) < 0)
		return -1;
	return template_vm_save(vm, state, err);
}

static int build_generic(struct build *build, struct err *err)
{
	const struct template_about about = about_of(build);
	AUTO(auto_template_draft) struct template_draft *draft = NULL;

	if (template_draft_begin(build->request->cache_home, build->generic_key,
				 build->request->wait_ms, &draft, err) < 0)
		return -1;
	if (!draft)
		return 0;
	tell(build, "booting");
	if (save_generic(build, draft, err) < 0 || try_generic(build, draft, err) < 0 ||
	    template_draft_commit(draft, &about, err) < 0)
		return -1;
	build->made++;
	return 0;
}

/* --- an image's --- */

/* A VM on the image's layers and the upper disk `path`, a copy of `seed_fd` or with -1 a fresh one.
 * Its network leads to sockets that are closed: whoever connects is refused. */
static int start_on(const struct build *build, struct vm_spec spec, const char *path, int seed_fd,
		    struct disks *disks, struct template_vm **ret_vm, struct err *err)
{
	const struct sandbox_spec *sandbox = build->request->spec;
	AUTO(net_close) struct net net = NET_INIT;

	*disks = build->disks;
	if (disks_add_upper(disks, path, seed_fd, sandbox->disk_size_mb, err) < 0)
		return -1;
	if (!sandbox->no_network && net_open(SPEC_MTU, &net, err) < 0)
		return -1;
	spec.net_fd = net.tap_fd;
	spec.disks = disks->vm;
	spec.disk_count = disks->count;
	return template_vm_start(build->request->vmm, &spec, ret_vm, err);
}

static int try_image(const struct build *build, struct template_draft *draft, struct err *err)
{
	AUTO(template_files_close) struct template_files files = TEMPLATE_FILES_NONE;
	AUTO(auto_template_vm) struct template_vm *vm = NULL;
	AUTO_FREE char *scratch = template_draft_path(draft, "scratch");
	struct disks disks = build->disks;
	int status = -1;

	tell(build, "trying");
	if (template_draft_open(draft, &files, err) < 0)
		return -1;
	if (start_on(build, vm_of(build, VM_RESTORE, files.ram_fd, files.state_fd), scratch,
		     files.upper_fd, &disks, &vm, err) == 0 &&
	    template_vm_setup(vm, build->request->spec, &disks, err) == 0 &&
	    template_vm_run(vm, build->request->spec, err) == 0)
		status = 0;
	disks_drop_upper(&disks, scratch);
	return status;
}

/* Sets the VM up as a sandbox would and runs a command in it: what that takes for the first time is
 * in the template then. */
static int save_image(const struct build *build, struct template_draft *draft,
		      const struct template_files *generic, struct err *err)
{
	const struct sandbox_spec *sandbox = build->request->spec;
	const struct agent_prepare prepare = {
		.waiting = true,
		.user = sandbox->image_config.user,
		.cwd = sandbox->image_config.working_dir,
	};
	AUTO(auto_template_vm) struct template_vm *vm = NULL;
	AUTO_FREE char *upper = template_draft_path(draft, TEMPLATE_UPPER);
	AUTO_FD int ram = -1, state = -1;
	struct disks disks = build->disks;
	int status = -1;

	if (make_ram(build, draft, &ram, err) < 0 ||
	    fd_copy_sparse(generic->ram_fd, ram, "the guest's memory", err) < 0 ||
	    template_draft_file(draft, TEMPLATE_STATE, STATE_SIZE, &state, err) < 0)
		return -1;
	if (start_on(build, vm_of(build, VM_RESTORE_INTO, ram, generic->state_fd), upper, -1,
		     &disks, &vm, err) == 0 &&
	    template_vm_setup(vm, sandbox, &disks, err) == 0 &&
	    template_vm_run(vm, sandbox, err) == 0 && template_vm_prepare(vm, &prepare, err) == 0)
		status = template_vm_save(vm, state, err);
	disks_close_upper(&disks);
	return status;
}

static int build_image(struct build *build, struct err *err)
{
	const struct sandbox_spec *spec = build->request->spec;
	const struct template_of_image of = {
		.generic_key = build->generic_key,
		.disks = &build->disks,
		.disk_mb = spec->disk_size_mb,
		.cpus = spec->cpus,
		.network = !spec->no_network,
		.config = &spec->image_config,
	};
	AUTO(template_files_close) struct template_files generic = TEMPLATE_FILES_NONE;
	AUTO(auto_template_draft) struct template_draft *draft = NULL;
	struct template_about about = about_of(build);
	char key[TEMPLATE_KEY_SIZE];

	about.image = spec->image;
	about.disk_mb = spec->disk_size_mb;
	about.network = !spec->no_network;
	if (template_key_image(&of, key, err) < 0 ||
	    template_draft_begin(build->request->cache_home, key, build->request->wait_ms, &draft,
				 err) < 0)
		return -1;
	if (!draft)
		return 0;
	if (templates_open(build->request->cache_home, build->generic_key, build->probe.tsc_khz,
			   &generic, err) < 0)
		return -1;
	tell(build, "setting up");
	if (save_image(build, draft, &generic, err) < 0 || try_image(build, draft, err) < 0 ||
	    template_draft_commit(draft, &about, err) < 0)
		return -1;
	build->made++;
	return 0;
}

/* --- both --- */

static int build_begin(struct build *build, struct err *err)
{
	const struct template_request *request = build->request;
	struct vm_spec shape;

	if (accel_probe(request->cache_home, &build->probe, err) < 0)
		return -1;
	if (request->accel != ACCEL_AUTO)
		build->probe.accel = request->accel;
	if (boot_files_open(&build->boot, err) < 0 ||
	    disks_open(request->layers, 0, &build->disks, err) < 0)
		return -1;
	shape = vm_of(build, VM_RESTORE, -1, -1);
	return template_key_generic(request->vmm, &shape, build->generic_key, err);
}

int template_build(const struct template_request *request, unsigned *ret_made, struct err *err)
{
	AUTO(build_done) struct build build = {.request = request, .boot = BOOT_FILES_NONE};
	uint64_t freed;

	if (build_begin(&build, err) < 0)
		return -1;
	if (build_generic(&build, err) < 0)
		return err_wrap(err, "generic template");
	if (!request->generic && build_image(&build, err) < 0)
		return err_wrap(err, "template of \"%s\"", request->spec->image);
	if (ret_made)
		*ret_made = build.made;
	return build.made ? templates_prune(request->cache_home, LIMIT_TEMPLATES_BYTES, &freed, err)
			  : 0;
}
