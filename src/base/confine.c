// SPDX-License-Identifier: MIT
/*
 * Confinement by the kernel's three nets: capabilities, Landlock, seccomp (the private root is in
 * confine_root.c).  The only user of libseccomp, and only before the fork: the filter is compiled
 * to BPF there, the child makes one system call.  Landlock is used as far as the running kernel
 * knows it and left out where it does not exist; the other nets are required.  Failures name the
 * step; a table with a name that libseccomp does not know is a mistake in the program.
 */
#include "base/confine.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/confine_calls.h"
#include "base/confine_internal.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock's interface as of ABI 6; the installed header may be older. */
enum {
	LL_EXECUTE = BIT(0),
	LL_WRITE_FILE = BIT(1),
	LL_READ_FILE = BIT(2),
	LL_READ_DIR = BIT(3),
	LL_REMOVE_FILE = BIT(5),
	LL_MAKE_REG = BIT(8),
	LL_TRUNCATE = BIT(14),
	LL_IOCTL_DEV = BIT(15),
	LL_NET_CONNECT = BIT(1),
	LL_NET_ALL = BIT(0) | BIT(1),	/* bind, connect: TCP */
	LL_SCOPE_ALL = BIT(0) | BIT(1), /* abstract Unix sockets, signals */
	LL_CREATE_RULESET_VERSION = 1,
	LL_RULE_PATH_BENEATH = 1,
	LL_RULE_NET_PORT = 2,

	/* what goes with the process's own files, and what a rule for a regular file may have */
	LL_READ = LL_EXECUTE | LL_READ_FILE | LL_READ_DIR,
	LL_WRITE = LL_WRITE_FILE | LL_REMOVE_FILE | LL_MAKE_REG | LL_TRUNCATE,
	LL_OF_FILES = LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV,
};

enum {
	NEWEST_CALL = 450, /* set_mempolicy_home_node, Linux 5.17; the same on all architectures */
	X32_CALLS = 0x40000000,
};

struct ll_ruleset {
	uint64_t fs, net, scope;
};

struct ll_path_beneath {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));

struct ll_net_port {
	uint64_t access, port;
};

/* The file access rights that exist, by ABI version. */
static uint64_t ll_fs_rights(long abi)
{
	unsigned count = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (UINT64_C(1) << count) - 1;
}

void child_fail_(struct child_failure *failure, const char *step, const char *what)
{
	failure->errnum = errno;
	failure->step = step;
	failure->what = what;
}

int confine_drop_privileges(struct child_failure *failure)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		/* An ordinary user outside a user namespace may not; what is left in the set
		 * is of no use to it once it has no_new_privs. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return child_fail(failure, "drop capabilities", "bounding set");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return child_fail(failure, "drop capabilities", "ambient set");
	if (syscall(SYS_capset, &head, none) < 0)
		return child_fail(failure, "drop capabilities", "");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return child_fail(failure, "set no_new_privs", "");
	return 0;
}

static int ll_allow(int ruleset, const struct confine_path *path, uint64_t access,
		    struct child_failure *failure)
{
	struct ll_path_beneath rule = {.access = access};
	AUTO_FD int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (path->flags & CONFINE_OPTIONAL) && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return child_fail(failure, "open", path->path);
	rule.parent_fd = fd;
	if (!S_ISDIR(st.st_mode))
		rule.access &= LL_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &rule, 0) < 0)
		return child_fail(failure, "landlock rule", path->path);
	return 0;
}

/* In the private root all that is there can be read; in the host's only what is listed. */
static int ll_allow_paths(int ruleset, const struct confine_spec *spec, uint64_t rights,
			  struct child_failure *failure)
{
	static const struct confine_path root = {"/", 0};

	if (!spec->keep_root && ll_allow(ruleset, &root, LL_READ, failure) < 0)
		return -1;
	for (size_t i = 0; i < spec->path_count; i++) {
		unsigned flags = spec->paths[i].flags;
		uint64_t access = spec->keep_root ? LL_READ : 0;

		if (flags & CONFINE_DEVICE)
			access = LL_READ_FILE | LL_WRITE_FILE | LL_IOCTL_DEV;
		if (flags & CONFINE_WRITABLE)
			access = LL_READ_FILE | LL_READ_DIR | LL_WRITE;
		if (access && ll_allow(ruleset, &spec->paths[i], access & rights, failure) < 0)
			return -1;
	}
	return 0;
}

static int ll_allow_ports(int ruleset, const struct confine_spec *spec,
			  struct child_failure *failure)
{
	for (size_t i = 0; i < spec->port_count; i++) {
		struct ll_net_port rule = {LL_NET_CONNECT, spec->ports[i]};

		if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_NET_PORT, &rule, 0) < 0)
			return child_fail(failure, "landlock rule", "port");
	}
	return 0;
}

/* What is taken away unless a rule gives it back. */
static uint64_t ll_net_rights(const struct confine_spec *spec)
{
	return spec->any_port ? LL_NET_ALL & ~(uint64_t)LL_NET_CONNECT : LL_NET_ALL;
}

int confine_landlock(const struct confine_spec *spec, struct child_failure *failure)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_CREATE_RULESET_VERSION);
	struct ll_ruleset attr = {.fs = ll_fs_rights(abi),
				  .net = abi >= 4 ? ll_net_rights(spec) : 0,
				  .scope = abi >= 6 ? LL_SCOPE_ALL : 0};
	AUTO_FD int ruleset = -1;

	if (abi < 1)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return child_fail(failure, "landlock ruleset", "");
	if (ll_allow_paths(ruleset, spec, attr.fs, failure) < 0 ||
	    (attr.net && ll_allow_ports(ruleset, spec, failure) < 0))
		return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return child_fail(failure, "landlock", "");
	return 0;
}

bool confine_notifies(const struct confine_spec *spec)
{
	bool notifies = false;

	for (size_t i = 0; i < spec->call_count; i++)
		notifies = notifies || spec->calls[i].verdict == CONFINE_NOTIFY;
	return notifies;
}

int confine_filter(const struct confine_spec *spec, const struct sock_fprog *program,
		   int *ret_listener, struct child_failure *failure)
{
	bool notifies = confine_notifies(spec);
	long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, program);

	if (rc < 0)
		return child_fail(failure, "seccomp filter", "");
	*ret_listener = notifies ? (int)rc : -1;
	return 0;
}

/* The tables cannot know the process's own number, which abort() and pthread_kill() say to
 * tgkill(); of it the kernel looks at the lower half, the first on our architectures.  0 is itself
 * too. */
int confine_to_self(struct err *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {ARRAY_SIZE(code), code};

	/* Other architectures' numbers: the filter of the start kills those. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return err_sys(err, errno, "seccomp filter of the process itself");
	return 0;
}

static uint32_t verdict_action(enum confine_verdict verdict)
{
	switch (verdict) {
	case CONFINE_EPERM:
		return SCMP_ACT_ERRNO(EPERM);
	case CONFINE_ENOSYS:
		return SCMP_ACT_ERRNO(ENOSYS);
	case CONFINE_NOTIFY:
		return SCMP_ACT_NOTIFY;
	case CONFINE_ALLOW: /* has no rule */
	case CONFINE_KILL:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static int add_call(scmp_filter_ctx filter, const struct confine_call *call, struct err *err)
{
	int number = seccomp_syscall_resolve_name(call->name);
	uint32_t action = verdict_action(call->verdict);
	int rc = 0;

	if (number == __NR_SCMP_ERROR || !call->verdict)
		return err_set(err, ERR_INTERNAL, "seccomp table: bad row '%s'", call->name);
	if (number < 0)
		return 0; /* this architecture does not have the call */
	if (call->when == CONFINE_ALWAYS)
		rc = seccomp_rule_add(filter, action, number, 0);
	if (call->when == CONFINE_IF_NONE)
		rc = seccomp_rule_add(filter, action, number, 1,
				      SCMP_CMP(call->arg, SCMP_CMP_MASKED_EQ, call->mask, 0));
	if (call->when == CONFINE_IF_FIELD)
		rc = seccomp_rule_add(
			filter, action, number, 1,
			SCMP_CMP(call->arg, SCMP_CMP_MASKED_EQ, call->mask, call->value));
	if (call->when == CONFINE_IF_EQUAL)
		/* The lower half: the kernel cuts most arguments, and what it cuts off must not
		 * make another value of them for us. */
		rc = seccomp_rule_add(
			filter, action, number, 1,
			SCMP_CMP(call->arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, call->mask));
	for (uint32_t rest = call->when == CONFINE_IF_ANY ? call->mask : 0; rest && rc == 0;
	     rest &= rest - 1) {
		uint64_t bit = rest & -rest;

		rc = seccomp_rule_add(filter, action, number, 1,
				      SCMP_CMP(call->arg, SCMP_CMP_MASKED_EQ, bit, bit));
	}
	if (rc < 0)
		return err_sys(err, -rc, "seccomp table: '%s'", call->name);
	return 0;
}

static bool is_allowed(const struct confine_spec *spec, const char *name)
{
	bool allowed = false;

	for (size_t i = 0; i < spec->call_count; i++)
		allowed = allowed || (spec->calls[i].verdict == CONFINE_ALLOW &&
				      strcmp(spec->calls[i].name, name) == 0);
	return allowed;
}

/* What the own table allows is left out of both, and so allowed. */
static int add_calls(scmp_filter_ctx filter, const struct confine_spec *spec,
		     const struct confine_call *calls, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_allowed(spec, calls[i].name) && add_call(filter, &calls[i], err) < 0)
			return -1;
	}
	return 0;
}

static void auto_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* The tables deny by name, so a kernel with calls that nobody had heard of when they were written
 * would open holes: a later chmod by descriptor is one.  What has no name yet does not exist.  The
 * numbers of x32 are left to what follows, which ends the process for another architecture. */
static const struct sock_filter later_calls[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 2),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
};

int confine_compile(const struct confine_spec *spec, struct sock_fprog *ret_program,
		    struct err *err)
{
	AUTO(auto_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	AUTO_BUF struct buf code = BUF_INIT(BPF_MAXINSNS * sizeof(struct sock_filter));
	AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
	int rc;

	if (!filter || fd < 0)
		return err_sys(err, filter ? errno : ENOMEM, "make a seccomp filter");
	rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (rc < 0)
		return err_sys(err, -rc, "make a seccomp filter");
	if (spec->common_calls &&
	    add_calls(filter, spec, confine_common_calls, confine_common_call_count, err) < 0)
		return -1;
	if (add_calls(filter, spec, spec->calls, spec->call_count, err) < 0)
		return -1;
	rc = seccomp_export_bpf(filter, fd);
	if (rc < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, rc < 0 ? -rc : errno, "export a seccomp filter");
	buf_put(&code, later_calls, sizeof(later_calls));
	if (fd_read_to_end(fd, &code, "seccomp filter", err) < 0)
		return -1;
	ret_program->len = (unsigned short)(code.len / sizeof(struct sock_filter));
	ret_program->filter = (struct sock_filter *)(void *)buf_steal(&code, NULL);
	return 0;
}
