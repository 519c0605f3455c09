// SPDX-License-Identifier: MIT
/*
 * `vmm_qemu`: a VM is a QEMU process in a jail (vmm/qemu/jail.h), started with everything it needs
 * as descriptors, and watched through its pidfd.
 *
 * Happy path: find the program, build command line and jail, write the monitor's hello, start.
 * After that there is nothing to do until the process has ended.  Whatever ends QEMU (the guest's
 * power off, its panic, a crash, a signal) shows the same way: the pidfd becomes readable.  Killing
 * is enough to stop it, since all its state is the guest's and the files belong to the caller.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/strv.h"
#include "vmm/qemu/args.h"
#include "vmm/qemu/jail.h"
#include "vmm/qemu/qmp.h"

#include <errno.h>
#include <sched.h>
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
};

static void qemu_free(struct vm *vm)
{
	if (!vm)
		return;
	proc_kill(&vm->proc);
	if (vm->qmp_fd >= 0)
		close(vm->qmp_fd);
	free(vm);
}

static void auto_vm(struct vm **vm)
{
	qemu_free(*vm);
}

/* Under KVM the smaller build of the same package, if it is there: it starts in half the time. */
static int find_qemu(enum accel accel, char **ret_path, struct err *err)
{
	AUTO_FREE char *found = NULL;

	if ((accel != ACCEL_KVM || proc_find("qemu-system-x86_64-microvm", &found, err) < 0) &&
	    proc_find("qemu-system-x86_64", &found, err) < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "qemu-system-x86_64 is not installed: apt-get install "
			       "qemu-system-x86");
	*ret_path = realpath(found, NULL);
	if (!*ret_path)
		return err_sys(err, errno, "find '%s'", found);
	return 0;
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
	if (spec->disk_count > LIMIT_DISKS)
		return err_set(err, ERR_LIMIT, "%zu disks: a VM has at most %d", spec->disk_count,
			       LIMIT_DISKS);
	return 0;
}

/* What it can take of the host, whoever has it in hand: memory, threads, descriptors, and space on
 * disk, where no file of its own grows. */
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
	ret_limits[0] = (struct proc_limit){RLIMIT_NOFILE, QEMU_FDS_MAX};
	ret_limits[1] = (struct proc_limit){RLIMIT_NPROC, QEMU_THREADS_MAX + spec->cpus};
	ret_limits[2] = (struct proc_limit){RLIMIT_DATA, memory};
	ret_limits[3] = (struct proc_limit){RLIMIT_FSIZE, largest};
	return 0;
}

/* Starts the process; the monitor's other end is `qmp_fd`. */
static int launch(const struct vm_spec *spec, int qmp_fd, struct proc *ret_proc, struct err *err)
{
	struct proc_limit limits[QEMU_LIMITS];
	AUTO_FREE char *program = NULL;
	AUTO(auto_strv) char **args = NULL;
	struct qemu_jail jail;
	int fds[LIMIT_DISKS + 2] = {spec->channel_fd, qmp_fd}; /* in the order of enum qemu_fd */
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
				 .confine = &jail.spec};

	for (size_t i = 0; i < spec->disk_count; i++)
		fds[2 + i] = spec->disks[i].fd;
	if (set_limits(spec, limits, err) < 0 || find_qemu(spec->accel, &program, err) < 0)
		return -1;
	args = qemu_args(program, spec);
	qemu_jail_init(&jail, program, spec);
	proc.argv = args;
	return proc_start(&proc, ret_proc, err);
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
	vm->proc = (struct proc)PROC_INIT;
	vm->qmp_fd = pair[0];
	if (fd_write_all(vm->qmp_fd, qmp_hello.ptr, qmp_hello.len, "QEMU's monitor", err) < 0)
		return -1;
	if (launch(spec, theirs, &vm->proc, err) < 0)
		return -1;
	*ret_vm = STEAL(vm);
	return 0;
}

static int qemu_exit_fd(const struct vm *vm)
{
	return vm->proc.pidfd;
}

static void qemu_describe_exit(struct vm *vm, char *ret_text, size_t size)
{
	const char *phrase = qmp_end_of_guest(vm->qmp_fd);
	char how[64];
	struct err err;
	int status;

	if (proc_peek(&vm->proc, &status, &err) < 0)
		snprintf(how, sizeof(how), "exit status unknown");
	else
		proc_describe(status, how, sizeof(how));
	snprintf(ret_text, size, "%s%s%s", how, phrase ? ", " : "", phrase ? phrase : "");
}

static int qemu_pid(const struct vm *vm)
{
	return (int)vm->proc.pid;
}

const struct vmm_ops vmm_qemu = {
	.name = "qemu",
	.start = qemu_start,
	.exit_fd = qemu_exit_fd,
	.describe_exit = qemu_describe_exit,
	.pid = qemu_pid,
	.free = qemu_free,
};
