// SPDX-License-Identifier: MIT
/*
 * QEMU's jail: see jail.h.  Two tables and the code that picks from them.
 *
 * The root holds what the dynamic linker and QEMU load: libraries, firmware, the program.  The
 * seccomp table denies, since QEMU and its 50 libraries are too large for a list of what they need:
 * it takes away whole families of the kernel that a machine emulator never uses.  What an honest
 * QEMU or C library may try and do without gets an error; for the rest the process ends.
 */
#include "vmm/qemu/jail.h"

#include "base/attr.h"
#include "vmm/qemu/args.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <sched.h>
#include <sys/prctl.h>

static const struct confine_path system_paths[] = {
	{"/lib", CONFINE_OPTIONAL},
	{"/lib64", CONFINE_OPTIONAL},
	{"/usr/lib", 0},
	{"/usr/lib64", CONFINE_OPTIONAL},
	{"/usr/local/lib", CONFINE_OPTIONAL},
	{"/usr/share/qemu", CONFINE_OPTIONAL},
	{"/usr/share/seabios", CONFINE_OPTIONAL},
	{"/usr/local/share/qemu", CONFINE_OPTIONAL},
	{"/etc/ld.so.cache", CONFINE_OPTIONAL},
};

static const struct confine_path kvm_device = {"/dev/kvm", CONFINE_DEVICE};

#define KILL(call)                                      \
	{                                               \
		.name = (call), .verdict = CONFINE_KILL \
	}
#define EPERM_(call)                                     \
	{                                                \
		.name = (call), .verdict = CONFINE_EPERM \
	}
#define NOTIFY(call, flags_at)                                                                    \
	{                                                                                         \
		(call), CONFINE_NOTIFY, CONFINE_IF_FIELD, (flags_at), O_ACCMODE | O_CREAT, O_RDWR \
	}
#define NO_IOCTL(number)                                              \
	{                                                             \
		"ioctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 1, (number) \
	}
#define ENOSYS_(call)                                     \
	{                                                 \
		.name = (call), .verdict = CONFINE_ENOSYS \
	}

static const struct confine_call denied_calls[] = {
	/* other processes */
	KILL("ptrace"),
	KILL("process_vm_readv"),
	KILL("process_vm_writev"),
	KILL("pidfd_getfd"),
	KILL("kcmp"),
	EPERM_("fork"),
	EPERM_("vfork"),
	{"clone", CONFINE_EPERM, CONFINE_IF_NONE, 0, CLONE_THREAD}, /* threads only */
	ENOSYS_("clone3"), /* its flags are in memory; the C library then uses clone */
	/* it may not outlive its supervisor */
	{"prctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 0, PR_SET_PDEATHSIG},
	/* namespaces and mounts */
	KILL("unshare"),
	KILL("setns"),
	KILL("mount"),
	KILL("umount2"),
	KILL("pivot_root"),
	KILL("chroot"),
	KILL("move_mount"),
	KILL("open_tree"),
	KILL("mount_setattr"),
	KILL("fsopen"),
	KILL("fsconfig"),
	KILL("fsmount"),
	KILL("fspick"),
	/* large or dangerous parts of the kernel */
	EPERM_("bpf"),
	EPERM_("perf_event_open"),
	EPERM_("userfaultfd"),
	EPERM_("keyctl"),
	EPERM_("add_key"),
	EPERM_("request_key"),
	ENOSYS_("io_uring_setup"),
	ENOSYS_("io_uring_enter"),
	ENOSYS_("io_uring_register"),
	KILL("kexec_load"),
	KILL("kexec_file_load"),
	KILL("init_module"),
	KILL("finit_module"),
	KILL("delete_module"),
	KILL("reboot"),
	KILL("swapon"),
	KILL("swapoff"),
	KILL("acct"),
	KILL("quotactl"),
	KILL("quotactl_fd"),
	KILL("syslog"),
	KILL("iopl"),
	KILL("ioperm"),
	KILL("settimeofday"),
	KILL("clock_settime"),
	KILL("clock_adjtime"),
	KILL("adjtimex"),
	EPERM_("personality"),
	/* files: everything it needs is open or read-only */
	ENOSYS_("openat2"),
	KILL("open_by_handle_at"),
	KILL("name_to_handle_at"),
	EPERM_("chmod"),
	EPERM_("fchmod"),
	EPERM_("fchmodat"),
	EPERM_("chown"),
	EPERM_("lchown"),
	EPERM_("fchown"),
	EPERM_("fchownat"),
	EPERM_("setxattr"),
	EPERM_("lsetxattr"),
	EPERM_("fsetxattr"),
	EPERM_("removexattr"),
	EPERM_("lremovexattr"),
	EPERM_("fremovexattr"),
	EPERM_("utime"),
	EPERM_("utimes"),
	EPERM_("futimesat"),
	EPERM_("utimensat"),
	NO_IOCTL(FS_IOC_SETFLAGS),
	NO_IOCTL(FS_IOC_FSSETXATTR),
	NO_IOCTL(FS_IOC_ENABLE_VERITY),
	EPERM_("mknod"),
	EPERM_("mknodat"),
	EPERM_("inotify_init"),
	EPERM_("inotify_init1"),
	EPERM_("fanotify_init"),
	/* sockets: it has the two that it needs */
	EPERM_("socket"),
	EPERM_("connect"),
	EPERM_("bind"),
	EPERM_("listen"),
	EPERM_("accept"),
	EPERM_("accept4"),
	/* System V and POSIX queues */
	EPERM_("shmget"),
	EPERM_("shmat"),
	EPERM_("msgget"),
	EPERM_("semget"),
	EPERM_("mq_open"),
	/* Only with RAM in a file, which QEMU opens by a path and always for writing. */
	NOTIFY("open", 1),
	NOTIFY("openat", 2),
};

enum { RAM_FILE_CALLS = 2 };

void qemu_jail_init(struct qemu_jail *jail, const char *program, const struct vm_spec *spec)
{
	bool boots = spec->begin == VM_BOOT || spec->begin == VM_BOOT_INTO;
	size_t count = 0;

	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	if (spec->accel == ACCEL_KVM)
		jail->paths[count++] = kvm_device;
	assert(count <= QEMU_JAIL_PATHS_MAX);
	jail->files[0] = (struct confine_file){QEMU_KERNEL_PATH, spec->kernel_fd};
	jail->files[1] = (struct confine_file){QEMU_INITRAMFS_PATH, spec->initramfs_fd};
	jail->spec =
		(struct confine_spec){.paths = jail->paths,
				      .path_count = count,
				      .files = jail->files,
				      .file_count = boots ? QEMU_JAIL_FILES : 0,
				      .calls = denied_calls,
				      .call_count = ARRAY_SIZE(denied_calls) -
						    (spec->begin == VM_BOOT ? RAM_FILE_CALLS : 0)};
}
