// SPDX-License-Identifier: MIT
/*
 * The image worker's jail: see worker_jail.h.  Tables.
 *
 * It keeps the host's root, since it writes with the user's own identity into his store, so what it
 * can open is Landlock's to say; the seccomp table takes away what Landlock does not know: Unix
 * sockets (whose servers would do the work for it), other processes, metadata of files, and the
 * large parts of the kernel that no download needs.
 */
#include "image/worker_jail.h"

#include "base/attr.h"
#include "base/limits.h"

#include <assert.h>
#include <sched.h>
#include <sys/resource.h>

static const struct confine_path system_paths[] = {
	/* the dynamic linker */
	{"/lib", CONFINE_OPTIONAL},
	{"/lib64", CONFINE_OPTIONAL},
	{"/usr/lib", 0},
	{"/usr/lib64", CONFINE_OPTIONAL},
	{"/usr/local/lib", CONFINE_OPTIONAL},
	{"/etc/ld.so.cache", CONFINE_OPTIONAL},
	/* TLS */
	{"/etc/ssl", CONFINE_OPTIONAL},
	{"/etc/pki", CONFINE_OPTIONAL},
	{"/usr/share/ca-certificates", CONFINE_OPTIONAL},
	{"/usr/local/share/ca-certificates", CONFINE_OPTIONAL},
	/* the resolver; what these links lead to */
	{"/etc/resolv.conf", CONFINE_OPTIONAL},
	{"/etc/hosts", CONFINE_OPTIONAL},
	{"/etc/nsswitch.conf", CONFINE_OPTIONAL},
	{"/etc/host.conf", CONFINE_OPTIONAL},
	{"/etc/gai.conf", CONFINE_OPTIONAL},
#if MATCHLOCK_SANITIZED
	{"/proc", 0}, /* the sanitizer's run time reads its own maps */
#endif
};

/* Families 0 (a plain error), 2 and 8 (Internet, unused), 10 (Internet): no Unix socket, netlink,
 * packet, vsock. */
#define NO_INTERNET_FAMILY (~(uint32_t)(2 | 8))

#define KILL(call)                                      \
	{                                               \
		.name = (call), .verdict = CONFINE_KILL \
	}
#define EPERM_(call)                                     \
	{                                                \
		.name = (call), .verdict = CONFINE_EPERM \
	}
#define ENOSYS_(call)                                     \
	{                                                 \
		.name = (call), .verdict = CONFINE_ENOSYS \
	}

static const struct confine_call denied_calls[] = {
	/* sockets: TCP and the resolver's UDP; a pair of streams wakes libcurl */
	{"socket", CONFINE_EPERM, CONFINE_IF_ANY, 0, NO_INTERNET_FAMILY},
	{"socketpair", CONFINE_EPERM, CONFINE_IF_ANY, 1, 2 | 4}, /* SOCK_STREAM is 1 */
	EPERM_("listen"),
	EPERM_("accept"),
	EPERM_("accept4"),
	/* processes */
	EPERM_("fork"),
	EPERM_("vfork"),
	{"clone", CONFINE_EPERM, CONFINE_IF_NONE, 0, CLONE_THREAD}, /* threads only */
	ENOSYS_("clone3"), /* its flags are in memory; the C library then uses clone */
	EPERM_("kill"),
	EPERM_("tkill"),
	EPERM_("rt_sigqueueinfo"),
	EPERM_("rt_tgsigqueueinfo"),
	EPERM_("pidfd_send_signal"),
	EPERM_("pidfd_open"),
	KILL("ptrace"),
	KILL("process_vm_readv"),
	KILL("process_vm_writev"),
	KILL("process_madvise"),
	KILL("pidfd_getfd"),
	KILL("kcmp"),
	EPERM_("setpriority"),
	EPERM_("sched_setscheduler"),
	EPERM_("sched_setattr"),
	EPERM_("migrate_pages"),
	EPERM_("move_pages"),
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
#if !MATCHLOCK_SANITIZED
	EPERM_("personality"),
#endif
	/* what Landlock leaves open of files: their metadata */
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
	EPERM_("utimensat"),
	EPERM_("mknod"),
	EPERM_("mknodat"),
	EPERM_("truncate"),
	EPERM_("inotify_init"),
	EPERM_("inotify_init1"),
	EPERM_("fanotify_init"),
	/* System V and POSIX queues */
	EPERM_("shmget"),
	EPERM_("shmat"),
	EPERM_("msgget"),
	EPERM_("semget"),
	EPERM_("mq_open"),
};

static const struct proc_limit limits[] = {
#if !MATCHLOCK_SANITIZED
	{RLIMIT_DATA, LIMIT_WORKER_MEMORY},
#endif
	{RLIMIT_NOFILE, 128},
};

void worker_jail_init(struct worker_jail *jail, const char *program, const char *blobs_dir,
		      const char *ca_file)
{
	static const uint16_t usual_ports[] = {53, 80, 443};
	size_t count = 0;

	*jail = (struct worker_jail){.limits = limits, .limit_count = ARRAY_SIZE(limits)};
	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	jail->paths[count++] = (struct confine_path){blobs_dir, CONFINE_WRITABLE};
	if (ca_file)
		jail->paths[count++] = (struct confine_path){ca_file, CONFINE_OPTIONAL};
	assert(count <= WORKER_JAIL_PATHS_MAX);
	jail->spec = (struct confine_spec){.keep_root = true,
					   .paths = jail->paths,
					   .path_count = count,
					   .ports = jail->ports,
					   .calls = denied_calls,
					   .call_count = ARRAY_SIZE(denied_calls)};
	for (size_t i = 0; i < ARRAY_SIZE(usual_ports); i++)
		worker_jail_add_port(jail, usual_ports[i]);
}

void worker_jail_add_port(struct worker_jail *jail, uint16_t port)
{
	if (jail->spec.port_count < WORKER_JAIL_PORTS_MAX)
		jail->ports[jail->spec.port_count++] = port;
}

void worker_jail_use(const struct worker_jail *jail, struct proc_spec *spec)
{
	spec->confine = &jail->spec;
	spec->limits = jail->limits;
	spec->limit_count = jail->limit_count;
}
