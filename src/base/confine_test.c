// SPDX-License-Identifier: MIT
/*
 * Confinement from the inside: a busybox in a jail tries what it must not be able to do.  What a
 * confined process looks like from outside is tests/vm_confinement.c.
 */
#include "base/confine.h"

#include "base/auto.h"
#include "base/confine_notify.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tap.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSYBOX "/usr/bin/busybox"

enum {
	DEADLINE_MS = 20000,
	JAIL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID |
			  CLONE_NEWUTS
};

static const struct confine_path paths[] = {
	{"/bin", CONFINE_OPTIONAL},	    /* a link to usr/bin on a merged system */
	{"/nonexistent", CONFINE_OPTIONAL}, /* skipped */
	{BUSYBOX, 0},
	{"/dev/full", CONFINE_DEVICE},
	{"/dev/zero", 0},
};

static const struct confine_call calls[] = {
	{.name = "mount", .verdict = CONFINE_KILL},
	{.name = "chmod", .verdict = CONFINE_EPERM},
	{.name = "symlink", .verdict = CONFINE_ENOSYS},
	{"kill", CONFINE_EPERM, CONFINE_IF_ANY, 1, 8 | 4},
	{"chown", CONFINE_ENOSYS, CONFINE_IF_NONE, 1, 8 | 4},
	{"setpriority", CONFINE_EPERM, CONFINE_IF_EQUAL, 2, 18},
};

static struct confine_spec jail = {.paths = paths, .path_count = ARRAY_SIZE(paths)};

/* What the jail gets for an open that is sent to us. */
static struct confine_gift gift = {"/gift", -1};

/* Runs a busybox script in the jail; its output in `out`, its wait status returned. */
static int run(const char *script, struct buf *out)
{
	static char busybox[] = BUSYBOX, sh[] = "sh", c[] = "-c", text[1024];
	static char *argv[] = {busybox, sh, c, text, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct err err = {0};
	int fds[2], status = -1, notify_fd = -1;

	snprintf(text, sizeof(text), "b=" BUSYBOX "; %s", script);
	spec.argv = argv;
	spec.namespaces = jail.keep_root ? 0 : JAIL_NAMESPACES;
	spec.confine = &jail;
	spec.ret_notify_fd = &notify_fd;
	buf_clear(out);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	spec.stdout_fd = spec.stderr_fd = fds[1];
	if (proc_start(&spec, &proc, &err) < 0)
		printf("# %s\n", err.msg);
	close(fds[1]);
	while (notify_fd >= 0 && poll(&(struct pollfd){proc.pidfd, POLLIN, 0}, 1, 1) == 0)
		confine_notify_answer(notify_fd, &gift, 1);
	if (notify_fd >= 0)
		close(notify_fd);
	if (proc.pid) {
		CHECK(fd_read_to_end(fds[0], out, "output", &err) == 0);
		CHECK(proc_wait(&proc, DEADLINE_MS, &status, &err) == 0);
	}
	close(fds[0]);
	return status;
}

/* The script must fail, and for this reason. */
static void check_refused(const char *script, const char *reason, struct buf *out)
{
	CHECK(run(script, out) != 0);
	if (strstr(out->ptr, reason))
		return;
	printf("# %s: %s", script, out->ptr);
	CHECK(false);
}

static void check_root(struct buf *out)
{
	AUTO_FD int fd = memfd_create("file", MFD_CLOEXEC);
	const struct confine_file file = {"/file", fd};

	TEST("the root holds what is listed, links as links, and a copied file");
	CHECK(write(fd, "content\n", 8) == 8);
	jail.files = &file;
	jail.file_count = 1;
	CHECK(run("echo /* /usr/* /usr/bin/* /dev/*; $b cat /file; $b readlink /bin", out) == 0);
	CHECK_STR(out->ptr, "/bin /dev /file /usr /usr/bin /usr/bin/busybox /dev/full /dev/zero\n"
			    "content\nusr/bin\n");
	CHECK(lseek(fd, 0, SEEK_CUR) == 8); /* the caller's offset is not moved */

	TEST("nothing can be written, made, mounted or left");
	check_refused("echo x >/file", "Read-only file system", out);
	check_refused("echo x >/new", "Read-only file system", out);
	check_refused("$b mkdir /new", "Read-only file system", out);
	check_refused("$b mount -t tmpfs t /usr", "ermission denied", out);
	check_refused("$b mount -t tmpfs -o remount,rw root /", "ermission denied", out);
	check_refused("$b unshare -n $b true", "Operation not permitted", out);
	check_refused("$b chroot /usr $b true", "Operation not permitted", out);
	check_refused("kill -0 -1", "No such process", out); /* there is no other */
	CHECK(run("cd ../../..; echo *", out) == 0);
	CHECK_STR(out->ptr, "bin dev file usr\n");
	jail.files = NULL;
	jail.file_count = 0;
}

static void check_devices(struct buf *out)
{
	TEST("a device opens only where the list says so");
	check_refused("echo x >/dev/full", "No space left on device", out);
	check_refused("$b head -c 1 /dev/zero", "Permission denied", out);
}

static void check_landlock(struct buf *out)
{
	TEST("Landlock refuses TCP before the network does");
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 4) {
		SKIP("this kernel's Landlock knows no network");
		return;
	}
	check_refused("$b nc 127.0.0.1 9", "Permission denied", out);
}

static void check_calls(struct buf *out)
{
	int status;

	TEST("the table's calls are refused as it says, others are not");
	jail.calls = calls;
	jail.call_count = ARRAY_SIZE(calls);
	CHECK(run("echo fine; (exit 3); true", out) == 0);
	CHECK_STR(out->ptr, "fine\n");
	check_refused("$b chmod 644 /usr", "Operation not permitted", out);
	check_refused("$b ln -s a b", "Function not implemented", out);
	CHECK(run("kill -0 $$", out) == 0);
	check_refused("kill -4 $$", "Operation not permitted", out);
	check_refused("kill -8 $$", "Operation not permitted", out);
	check_refused("kill -12 $$", "Operation not permitted", out);
	check_refused("$b chown 1 /usr", "Function not implemented", out);
	CHECK(run("$b chown 4 /usr", out) != 0 && !strstr(out->ptr, "not implemented"));
	CHECK(run("$b renice 19 $$", out) == 0);
	check_refused("$b renice 18 $$", "Operation not permitted", out);
	status = run("exec $b mount -t tmpfs t /usr", out);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	jail.calls = NULL;
	jail.call_count = 0;
}

static void check_notify(struct buf *out)
{
	/* The shell's `<>` makes the file as well if need be. */
	static const struct confine_call asked = {"open", CONFINE_NOTIFY,      CONFINE_IF_FIELD,
						  1,	  O_ACCMODE | O_CREAT, O_RDWR | O_CREAT};
	struct confine_call both[] = {asked, asked};
	AUTO_FD int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	TEST("an open that waits for the parent gets the descriptor that the parent gives");
	both[1].name = "openat";
	both[1].arg = 2;
	jail.calls = both;
	jail.call_count = ARRAY_SIZE(both);
	gift.fd = fd;
	CHECK(fd >= 0);
	CHECK(run("read name value <>/gift; echo $name", out) == 0);
	CHECK_STR(out->ptr, "Name:\n");

	TEST("it has no more rights than that; other paths and other opens get nothing");
	check_refused("echo x 1<>/gift", "Bad file descriptor", out);
	check_refused("read x <>/gif", "Permission denied", out);
	check_refused("read x <>/gift2", "Permission denied", out);
	check_refused("read x </gift", "no such file", out);
	gift.fd = -1;
	check_refused("read x <>/gift", "Permission denied", out);
	jail.calls = NULL;
	jail.call_count = 0;
}

static void check_keep_root(struct buf *out)
{
	static const uint16_t port = 9;
	char dir[] = "/tmp/matchlock-confine.XXXXXX", script[256];
	const struct confine_path own[] = {
		{BUSYBOX, 0}, {dir, CONFINE_WRITABLE}, {"/nonexistent", CONFINE_OPTIONAL}};
	const struct confine_spec before = jail;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	TEST("in the host's root Landlock leaves the listed paths and ports");
	if (abi < 1) {
		SKIP("this kernel has no Landlock");
		return;
	}
	CHECK(mkdtemp(dir) != NULL);
	jail = (struct confine_spec){.keep_root = true,
				     .paths = own,
				     .path_count = ARRAY_SIZE(own),
				     .ports = &port,
				     .port_count = 1};
	snprintf(script, sizeof(script), "cd %s && echo x >a && $b mv a b && $b cat b && $b rm b",
		 dir);
	CHECK(run(script, out) == 0);
	CHECK_STR(out->ptr, "x\n");
	check_refused("$b cat /etc/passwd", "Permission denied", out);
	check_refused("echo x >/tmp/matchlock-confine", "Permission denied", out);
	snprintf(script, sizeof(script), "$b mkdir %s/sub", dir);
	check_refused(script, "Permission denied", out);
	if (abi >= 4) {
		check_refused("$b nc 127.0.0.1 9", "Connection refused", out);
		check_refused("$b nc 127.0.0.1 10", "Permission denied", out);
	}
	CHECK(rmdir(dir) == 0);
	jail = before;
}

static int outcome_of(long rc)
{
	return rc < 0 ? errno : 0;
}

/* What it does as it leaves: the first step that is not as it should be. */
static int act_on_others(void)
{
	struct rlimit limit;
	pid_t other = getppid();

	if (outcome_of(syscall(SYS_tgkill, other, other, 0)) != EPERM)
		return 3;
	if (outcome_of(prlimit(other, RLIMIT_CPU, NULL, &limit)) != EPERM)
		return 4;
	if (outcome_of(syscall(SYS_tgkill, getpid(), getpid(), 0)) != 0)
		return 5;
	return outcome_of(prlimit(0, RLIMIT_CPU, NULL, &limit)) == 0 ? 7 : 6;
}

static void check_to_self(void)
{
	struct err err = {0};
	int status = -1;
	pid_t pid;

	TEST("a process can give up executing programs, and acting on other processes");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (confine_to_self(&err) < 0)
			_exit(1);
		execl(BUSYBOX, BUSYBOX, "true", NULL);
		_exit(errno == EPERM ? act_on_others() : 2);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void check_refusals(void)
{
	static const struct confine_call unknown = {.name = "no_such_call",
						    .verdict = CONFINE_KILL};
	static const struct confine_path absent = {"/nonexistent/program", 0};
	struct confine_spec bad = {.calls = &unknown, .call_count = 1};
	char busybox[] = BUSYBOX, *argv[] = {busybox, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct err err = {0};

	TEST("what cannot be prepared or mounted is an error of the start");
	spec.argv = argv;
	spec.namespaces = JAIL_NAMESPACES;
	spec.confine = &bad;
	CHECK(proc_start(&spec, &proc, &err) < 0 && err.code == ERR_INTERNAL);
	CHECK_STR(err.msg, "start '" BUSYBOX "': seccomp table: bad row 'no_such_call'");
	bad = (struct confine_spec){.paths = &absent, .path_count = 1};
	CHECK(proc_start(&spec, &proc, &err) < 0);
	CHECK_STR(err.msg, "start '" BUSYBOX "': find /nonexistent/program: No such file or "
			   "directory");
}

/* A program with an interpreter would not find it in the jail. */
static bool is_static(void)
{
	AUTO_BUF struct buf file = BUF_INIT(16 * 1024 * 1024);
	struct err err;
	Elf64_Ehdr elf;

	if (fd_read_file(AT_FDCWD, BUSYBOX, &file, &err) < 0 || file.len < sizeof(elf))
		return false;
	memcpy(&elf, file.ptr, sizeof(elf));
	for (size_t i = 0; i < elf.e_phnum; i++) {
		size_t at = elf.e_phoff + i * elf.e_phentsize;
		Elf64_Phdr segment;

		if (at + sizeof(segment) > file.len)
			return false;
		memcpy(&segment, file.ptr + at, sizeof(segment));
		if (segment.p_type == PT_INTERP)
			return false;
	}
	return true;
}

int main(void)
{
	AUTO_BUF struct buf out = BUF_INIT(65536);

	TEST("confinement from the inside: a program runs in the jail");
	if (access(BUSYBOX, X_OK) != 0 || !is_static()) {
		SKIP("no static " BUSYBOX);
		return tap_done();
	}
	CHECK(run("exit 7", &out) == 7 << 8);
	check_root(&out);
	check_devices(&out);
	check_landlock(&out);
	check_calls(&out);
	check_notify(&out);
	check_keep_root(&out);
	check_to_self();
	check_refusals();
	return tap_done();
}
