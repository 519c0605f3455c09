// SPDX-License-Identifier: MIT
/* System calls that no confined process needs: see confine_calls.h.  One table. */
#include "base/confine_calls.h"

#include "base/attr.h"

#include <sched.h>

const struct confine_call confine_common_calls[] = {
	/* other processes */
	CALL_KILL("ptrace"),
	CALL_KILL("process_vm_readv"),
	CALL_KILL("process_vm_writev"),
	CALL_KILL("pidfd_getfd"),
	CALL_KILL("kcmp"),
	CALL_EPERM("fork"),
	CALL_EPERM("vfork"),
	{"clone", CONFINE_EPERM, CONFINE_IF_NONE, 0, CLONE_THREAD}, /* threads only */
	CALL_ENOSYS("clone3"), /* its flags are in memory; the C library then uses clone */
	/* namespaces and mounts */
	CALL_KILL("unshare"),
	CALL_KILL("setns"),
	CALL_KILL("mount"),
	CALL_KILL("umount2"),
	CALL_KILL("pivot_root"),
	CALL_KILL("chroot"),
	CALL_KILL("move_mount"),
	CALL_KILL("open_tree"),
	CALL_KILL("mount_setattr"),
	CALL_KILL("fsopen"),
	CALL_KILL("fsconfig"),
	CALL_KILL("fsmount"),
	CALL_KILL("fspick"),
	/* large or dangerous parts of the kernel */
	CALL_EPERM("bpf"),
	CALL_EPERM("perf_event_open"),
	CALL_EPERM("userfaultfd"),
	CALL_EPERM("keyctl"),
	CALL_EPERM("add_key"),
	CALL_EPERM("request_key"),
	CALL_ENOSYS("io_uring_setup"),
	CALL_ENOSYS("io_uring_enter"),
	CALL_ENOSYS("io_uring_register"),
	CALL_KILL("kexec_load"),
	CALL_KILL("kexec_file_load"),
	CALL_KILL("init_module"),
	CALL_KILL("finit_module"),
	CALL_KILL("delete_module"),
	CALL_KILL("reboot"),
	CALL_KILL("swapon"),
	CALL_KILL("swapoff"),
	CALL_KILL("acct"),
	CALL_KILL("quotactl"),
	CALL_KILL("quotactl_fd"),
	CALL_KILL("syslog"),
	CALL_KILL("iopl"),
	CALL_KILL("ioperm"),
	CALL_KILL("settimeofday"),
	CALL_KILL("clock_settime"),
	CALL_KILL("clock_adjtime"),
	CALL_KILL("adjtimex"),
	/* files: their metadata, and ways round what is watched */
	CALL_ENOSYS("openat2"),
	CALL_KILL("open_by_handle_at"),
	CALL_KILL("name_to_handle_at"),
	CALL_EPERM("chmod"),
	CALL_EPERM("fchmod"),
	CALL_EPERM("fchmodat"),
	CALL_EPERM("chown"),
	CALL_EPERM("lchown"),
	CALL_EPERM("fchown"),
	CALL_EPERM("fchownat"),
	CALL_EPERM("setxattr"),
	CALL_EPERM("lsetxattr"),
	CALL_EPERM("fsetxattr"),
	CALL_EPERM("removexattr"),
	CALL_EPERM("lremovexattr"),
	CALL_EPERM("fremovexattr"),
	CALL_EPERM("utime"),
	CALL_EPERM("utimes"),
	CALL_EPERM("futimesat"),
	CALL_EPERM("utimensat"),
	CALL_EPERM("mknod"),
	CALL_EPERM("mknodat"),
	CALL_EPERM("inotify_init"),
	CALL_EPERM("inotify_init1"),
	CALL_EPERM("fanotify_init"),
	/* sockets: nobody connects to it */
	CALL_EPERM("listen"),
	CALL_EPERM("accept"),
	CALL_EPERM("accept4"),
	/* System V and POSIX queues */
	CALL_EPERM("shmget"),
	CALL_EPERM("shmat"),
	CALL_EPERM("msgget"),
	CALL_EPERM("semget"),
	CALL_EPERM("mq_open"),
};

const size_t confine_common_call_count = ARRAY_SIZE(confine_common_calls);
