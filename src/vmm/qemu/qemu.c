// SPDX-License-Identifier: MIT
/*
 * `vmm_qemu`: a VM is a QEMU process in a jail (vmm/qemu/jail.h), started with everything it needs
 * as descriptors, and watched through its pidfd.
 *
 * Happy path: find the program, build command line and jail, write the monitor's hello, start.
 * After that there is nothing to do until the process has ended, but to give it its RAM file when
 * it asks: QEMU opens that by a path and for writing, and gets a descriptor that can only read if
 * the file is another VM's template (base/confine_notify.h).  Whatever ends QEMU (the guest's power
 * off, its panic, a crash, a signal) shows the same way: the pidfd becomes readable.  Killing is
 * enough to stop it, since all its state is the guest's and the files belong to the caller.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/confine_notify.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/strv.h"
#include "vmm/qemu/args.h"
#include "vmm/qemu/jail.h"
#include "vmm/qemu/program.h"
#include "vmm/qemu/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	QEMU_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID |
			  CLONE_NEWUTS,
	QEMU_FDS_MAX = 256,
	/* Beside one for each virtual CPU: 64 for disks and some of its own. */
	QEMU_THREADS_MAX = 128,
	QEMU_LIMITS = 4,
};

/* Beside the guest's memory: a gibibyte of translated code under TCG, stacks, queues. */
#define QEMU_OWN_MEMORY (UINT64_C(3) << 30)

struct vm {
	struct proc proc;
	int qmp_fd;
	int notify_fd; /* opens that wait for us; -1: RAM is no file */
	int ram_fd;    /* what QEMU gets of it */
	int kvm_fd;    /* only with notify_fd: the device is opened like a RAM file */
	bool savable;
};

static void qemu_free(struct vm *vm)
{
	if (!vm)
		return;
	proc_kill(&vm->proc);
	auto_close_(&vm->qmp_fd);
	auto_close_(&vm->notify_fd);
	auto_close_(&vm->ram_fd);
	auto_close_(&vm->kvm_fd);
	free(vm);
}

static void auto_vm(struct vm **vm)
{
	qemu_free(*vm);
}

/* The group that opens /dev/kvm, which root must keep when it becomes nobody; 0: none needed. */
static gid_t kvm_group(enum accel accel)
{
	struct stat st;

	return accel == ACCEL_KVM && stat("/dev/kvm", &st) == 0 ? st.st_gid : 0;
}

static int check_spec(const struct vm_spec *spec, struct err *err)
{
	if (spec->accel == ACCEL_AUTO || spec->cpus == 0 || spec->memory_mb == 0)
		return err_set(err, ERR_INTERNAL, "VM without accelerator, CPU or memory");
	if (MAX(spec->disk_count, spec->slots) > LIMIT_DISKS)
		return err_set(err, ERR_LIMIT, "%zu disks: a VM has at most %d", spec->disk_count,
			       LIMIT_DISKS);
	if (spec->slots && spec->disk_count > spec->slots)
		return err_set(err, ERR_INTERNAL, "%zu disks for %zu slots", spec->disk_count,
			       spec->slots);
	return 0;
}

static bool is_restored(const struct vm_spec *spec)
{
	return spec->begin == VM_RESTORE || spec->begin == VM_RESTORE_INTO;
}

static bool is_savable(const struct vm_spec *spec)
{
	return spec->begin == VM_BOOT_INTO || spec->begin == VM_RESTORE_INTO;
}

/* What it can take of the host, whoever has it in hand: memory, threads, descriptors, and space on
 * disk, where no file of its own grows but the state that it saves. */
static int set_limits(const struct vm_spec *spec, struct proc_limit ret_limits[QEMU_LIMITS],
		      struct err *err)
{
	rlim_t memory = ((rlim_t)spec->memory_mb << 20) + QEMU_OWN_MEMORY, largest = 0;

	for (size_t i = 0; i < spec->disk_count; i++) {
		struct stat st;

		if (fstat(spec->disks[i].fd, &st) < 0)
			return err_sys(err, errno, "stat disk %zu", i);
		if (!spec->disks[i].read_only)
			largest = MAX(largest, (rlim_t)st.st_size);
	}
	if (is_savable(spec))
		largest = MAX(largest, (rlim_t)LIMIT_VM_STATE);
	ret_limits[0] = (struct proc_limit){RLIMIT_NOFILE, QEMU_FDS_MAX};
	ret_limits[1] = (struct proc_limit){RLIMIT_NPROC, QEMU_THREADS_MAX + spec->cpus};
	ret_limits[2] = (struct proc_limit){RLIMIT_DATA, memory};
	ret_limits[3] = (struct proc_limit){RLIMIT_FSIZE, largest};
	return 0;
}

/* Opens the file of `fd` once more, for no more than is needed: the new descriptor shares neither
 * offset nor lock with the old one. */
static int reopen(int fd, int mode, const char *what, struct err *err)
{
	char link[32];
	int again;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = open(link, mode | O_CLOEXEC);
	return again < 0 ? err_sys(err, errno, "open the VM's %s", what) : again;
}

/* Prepares what QEMU gets when it opens its RAM file. */
static int prepare_ram(struct vm *vm, const struct vm_spec *spec, struct err *err)
{
	struct stat st;

	if (spec->begin == VM_BOOT)
		return 0;
	vm->ram_fd = reopen(spec->ram_fd, spec->begin == VM_RESTORE ? O_RDONLY : O_RDWR, "RAM file",
			    err);
	if (vm->ram_fd < 0)
		return -1;
	if (fstat(vm->ram_fd, &st) < 0)
		return err_sys(err, errno, "stat the VM's RAM file");
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t)spec->memory_mb << 20)
		return err_set(err, ERR_INVALID,
			       "the VM's RAM file has %jd bytes instead of %u MiB",
			       (intmax_t)st.st_size, spec->memory_mb);
	if (spec->accel != ACCEL_KVM)
		return 0;
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return vm->kvm_fd < 0 ? err_sys(err, errno, "open '/dev/kvm'") : 0;
}

/* Starts the process; the monitor's other end is `qmp_fd`. */
static int launch(struct vm *vm, const struct vm_spec *spec, int qmp_fd, struct err *err)
{
	struct proc_limit limits[QEMU_LIMITS];
	AUTO_FREE char *program = NULL;
	AUTO(auto_strv) char **args = NULL;
	struct qemu_jail jail;
	AUTO_FD int state_fd = -1;
	int fds[LIMIT_DISKS + 4] = {spec->channel_fd, qmp_fd}; /* in the order of enum qemu_fd */
	struct proc_spec proc = {.stdin_fd = -1,
				 .stdout_fd = spec->console_fd,
				 .stderr_fd = spec->stderr_fd,
				 .fds = fds,
				 .fd_count = spec->disk_count + 2,
				 .new_session = true,
				 .limits = limits,
				 .limit_count = QEMU_LIMITS,
				 .namespaces = QEMU_NAMESPACES,
				 .keep_group = kvm_group(spec->accel),
				 .confine = &jail.spec,
				 .ret_notify_fd = &vm->notify_fd};

	for (size_t i = 0; i < spec->disk_count; i++)
		fds[2 + i] = spec->disks[i].fd;
	if (spec->net_fd >= 0)
		fds[proc.fd_count++] = spec->net_fd;
	if (is_restored(spec)) {
		state_fd = reopen(spec->state_fd, O_RDONLY, "state", err);
		if (state_fd < 0)
			return -1;
		fds[proc.fd_count++] = state_fd;
	}
	if (set_limits(spec, limits, err) < 0 || qemu_find(spec->accel, &program, err) < 0)
		return -1;
	args = qemu_args(program, spec);
	qemu_jail_init(&jail, program, spec);
	proc.argv = args;
	return proc_start(&proc, &vm->proc, err);
}

static int qemu_start(const struct vm_spec *spec, struct vm **ret_vm, struct err *err)
{
	AUTO(auto_vm) struct vm *vm = NULL;
	AUTO_FD int theirs = -1;
	int pair[2];

	if (check_spec(spec, err) < 0 || fd_socketpair(pair, err) < 0)
		return -1;
	theirs = pair[1];
	vm = xcalloc(1, sizeof(*vm));
	*vm = (struct vm){.proc = PROC_INIT,
			  .qmp_fd = pair[0],
			  .notify_fd = -1,
			  .ram_fd = -1,
			  .kvm_fd = -1,
			  .savable = is_savable(spec)};
	if (prepare_ram(vm, spec, err) < 0 ||
	    qmp_hello(vm->qmp_fd, is_restored(spec) ? qemu_fd_of_state(spec) : -1, err) < 0 ||
	    launch(vm, spec, theirs, err) < 0)
		return -1;
	*ret_vm = STEAL(vm);
	return 0;
}

static int qemu_attend_fd(const struct vm *vm)
{
	return vm->notify_fd;
}

static void qemu_attend(struct vm *vm)
{
	const struct confine_gift gifts[] = {{QEMU_RAM_PATH, vm->ram_fd}, {"/dev/kvm", vm->kvm_fd}};

	if (vm->notify_fd >= 0)
		confine_notify_answer(vm->notify_fd, gifts, ARRAY_SIZE(gifts));
}

/* QEMU ends by itself, which closes its files in order; one that does not is killed by free(). */
static int qemu_save(struct vm *vm, int state_fd, int timeout_ms, struct err *err)
{
	uint64_t end = clock_monotonic_ms() + (uint64_t)timeout_ms, now;
	struct pollfd ended = {.fd = vm->proc.pidfd, .events = POLLIN};

	if (!vm->savable)
		return err_set(err, ERR_INTERNAL, "this VM's RAM is in no file of its own");
	if (qmp_save(vm->qmp_fd, state_fd, end, err) < 0 || qmp_quit(vm->qmp_fd, err) < 0)
		return -1;
	now = clock_monotonic_ms();
	if (poll(&ended, 1, end > now ? (int)(end - now) : 0) != 1)
		return err_set(err, ERR_TIMEOUT, "QEMU saved the VM and did not end");
	return 0;
}

static int qemu_exit_fd(const struct vm *vm)
{
	return vm->proc.pidfd;
}

static bool qemu_describe_exit(struct vm *vm, char *ret_text, size_t size)
{
	const char *phrase = qmp_end_of_guest(vm->qmp_fd);
	char how[64];
	struct err err;
	int status = -1;

	if (proc_peek(&vm->proc, &status, &err) < 0)
		snprintf(how, sizeof(how), "exit status unknown");
	else
		proc_describe(status, how, sizeof(how));
	snprintf(ret_text, size, "%s%s%s", how, phrase ? ", " : "", phrase ? phrase : "");
	return status == 0;
}

static int qemu_pid(const struct vm *vm)
{
	return (int)vm->proc.pid;
}

const struct vmm_ops vmm_qemu = {
	.name = "qemu",
	.start = qemu_start,
	.attend_fd = qemu_attend_fd,
	.attend = qemu_attend,
	.save = qemu_save,
	.fingerprint = qemu_fingerprint,
	.exit_fd = qemu_exit_fd,
	.describe_exit = qemu_describe_exit,
	.pid = qemu_pid,
	.free = qemu_free,
};
