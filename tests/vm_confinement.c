// SPDX-License-Identifier: MIT
/*
 * vm_confinement KERNEL INITRAMFS: a QEMU that vmm_qemu has really started is looked at from
 * outside, through /proc: identity, privileges, namespaces, root directory, descriptors; then its
 * end with its parent, the guest's panic, and what is said when QEMU is missing.  Run by root it
 * does all of it twice: as root and as an ordinary user.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/tap.h"
#include "net/net.h"
#include "net_tun.h"
#include "vmm/vmm.h"
#include "wire/agent.h"
#include "wire/mux.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, DISKS = 2, DEADLINE_MS = 60000, GONE_MS = 2000 };

/* A started VM with our ends of its descriptors. */
struct rig {
	struct vm_spec spec;
	struct vm_disk disks[DISKS];
	struct vm *vm;
	int channel, console, complaints;
};

static const char *kernel_path, *initramfs_path;

static int make_disk(bool read_only)
{
	char path[] = "/tmp/vm-confinement-XXXXXX";
	int fd = mkstemp(path), ro = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
	unlink(path);
	if (!read_only) {
		close(ro);
		return fd;
	}
	close(fd);
	return ro;
}

/* Where this user may have none the rest is tested without. */
static struct net open_net(void)
{
	struct net net = NET_INIT;
	struct err err;

	if (net_open(1500, &net, &err) < 0)
		printf("# %s\n", err.msg);
	return net;
}

static int rig_start(struct rig *rig, int initramfs_fd, struct err *err)
{
	AUTO(net_close) struct net net = open_net();
	int channel[2], console[2], complaints[2], rc;
	struct accel_probe probe;

	*rig = (struct rig){.disks = {{make_disk(true), true}, {make_disk(false), false}}};
	if (fd_socketpair(channel, err) < 0 || pipe2(console, O_CLOEXEC) < 0 ||
	    pipe2(complaints, O_CLOEXEC) < 0 || accel_probe("/proc/nonexistent", &probe, err) < 0)
		return -1;
	rig->spec = (struct vm_spec){.accel = ACCEL_TCG,
				     .cpus = 1,
				     .tsc_khz = probe.tsc_khz,
				     .memory_mb = 256,
				     .kernel_fd = open(kernel_path, O_RDONLY | O_CLOEXEC),
				     .initramfs_fd = initramfs_fd,
				     .disks = rig->disks,
				     .disk_count = DISKS,
				     .net_fd = net.tap_fd,
				     .channel_fd = channel[1],
				     .console_fd = console[1],
				     .stderr_fd = complaints[1]};
	rc = vmm_qemu.start(&rig->spec, &rig->vm, err);
	close(channel[1]);
	close(console[1]);
	close(complaints[1]);
	close(rig->spec.kernel_fd);
	for (size_t i = 0; i < DISKS; i++)
		close(rig->disks[i].fd);
	rig->channel = channel[0];
	rig->console = console[0];
	rig->complaints = complaints[0];
	return rc;
}

static void rig_stop(struct rig *rig)
{
	vmm_qemu.free(rig->vm);
	close(rig->channel);
	close(rig->console);
	close(rig->complaints);
}

/* /proc/PID/NAME; the result is valid until the next call. */
static const char *proc_path(int pid, const char *fmt, ...) ML_PRINTF(2, 3);
static const char *proc_path(int pid, const char *fmt, ...)
{
	static char path[512];
	size_t len = (size_t)snprintf(path, sizeof(path), "/proc/%d/", pid);
	va_list args;

	va_start(args, fmt);
	vsnprintf(path + len, sizeof(path) - len, fmt, args);
	va_end(args);
	return path;
}

/* The rest of the line of /proc/PID/status that starts with `key`. */
static const char *status_of(int pid, const char *key)
{
	static char line[256];
	FILE *file = fopen(proc_path(pid, "status"), "re");
	size_t len = strlen(key);
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strncmp(line, key, len) == 0 && line[len] == ':';
	if (file)
		fclose(file);
	if (!found)
		return "";
	line[strcspn(line, "\n")] = '\0';
	return line + len + 1 + strspn(line + len + 1, "\t ");
}

/* Until the agent has refused a command, since it knows no VM yet: by then QEMU has added its own
 * filter to ours, and has read and closed whatever it opens while it starts. */
static void wait_for_agent(const struct rig *rig)
{
	static const unsigned char open_exec[MUX_HEADER_SIZE] = {
		1, [4] = MUX_OPEN, [5] = AGENT_EXEC};

	CHECK(write(rig->channel, open_exec, sizeof(open_exec)) == sizeof(open_exec));
	CHECK(poll(&(struct pollfd){rig->channel, POLLIN, 0}, 1, DEADLINE_MS) == 1);
}

static void check_privileges(int pid, unsigned uid)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	const char *pids;
	char want[64], groups[256] = "";

	TEST("QEMU has no privilege and cannot get any");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		CHECK_STR(status_of(pid, sets[i]), "0000000000000000");
	CHECK_STR(status_of(pid, "NoNewPrivs"), "1");
	CHECK_STR(status_of(pid, "Seccomp"), "2");
	CHECK(atoi(status_of(pid, "Seccomp_filters")) >= 2);
	snprintf(want, sizeof(want), "%u\t%u\t%u\t%u", uid, uid, uid, uid);
	CHECK_STR(status_of(pid, "Uid"), want);
	CHECK_STR(status_of(pid, "Gid"), want);
	/* An ordinary user cannot drop groups (a namespace without newgidmap denies setgroups). */
	if (geteuid() != 0)
		snprintf(groups, sizeof(groups), "%s", status_of(getpid(), "Groups"));
	CHECK_STR(status_of(pid, "Groups"), groups);
	pids = strrchr(status_of(pid, "NSpid"), '\t');
	CHECK(pids && strcmp(pids, "\t1") == 0);
}

static void check_limits(int pid)
{
	static const struct {
		const char *name;
		unsigned long long most;
	} limits[] = {
		{"Max core file size", 0},     {"Max file size", 1 << 20}, /* the writable disk */
		{"Max open files", 256},       {"Max processes", 200},
		{"Max data size", 4ull << 30},
	};
	AUTO_BUF struct buf text = BUF_INIT(65536);
	struct err err;

	TEST("QEMU can take only so much of the host");
	CHECK(fd_read_file(AT_FDCWD, proc_path(pid, "limits"), &text, &err) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const char *line = strstr(text.ptr, limits[i].name);
		unsigned long long soft = ~0ull, hard = ~0ull;

		CHECK(line &&
		      sscanf(line + strlen(limits[i].name), "%llu %llu", &soft, &hard) == 2);
		CHECK(soft == hard && hard <= limits[i].most);
	}
}

static void check_namespaces(int pid)
{
	static const char *const names[] = {"user", "mnt", "net", "ipc", "pid", "uts"};

	TEST("QEMU is alone in its namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char theirs[64] = "", ours[64] = "";

		CHECK(readlink(proc_path(pid, "ns/%s", names[i]), theirs, sizeof(theirs) - 1) > 0);
		CHECK(readlink(proc_path(getpid(), "ns/%s", names[i]), ours, sizeof(ours) - 1) > 0);
		CHECK(strcmp(theirs, ours) != 0);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The names in a directory of QEMU's root, blank-separated. */
static const char *listing(int pid, const char *dir)
{
	static char names[1024];
	struct dirent **entries = NULL;
	int count = scandir(proc_path(pid, "root/%s", dir), &entries, NULL, by_name);

	names[0] = '\0';
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t len = strlen(names);

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			snprintf(names + len, sizeof(names) - len, "%s%s", len ? " " : "", name);
		free(entries[i]);
	}
	free(entries);
	return names;
}

static void check_root(int pid)
{
	static char text[256 * 1024];
	FILE *mounts;

	TEST("QEMU's root holds libraries, firmware, kernel and initramfs, and nothing else");
	CHECK_STR(listing(pid, ""), "etc initramfs kernel lib lib64 usr");
	CHECK_STR(listing(pid, "etc"), "ld.so.cache");
	CHECK_STR(listing(pid, "usr/bin"), "qemu-system-x86_64");

	TEST("QEMU's root is read-only throughout, and the host's is not in it");
	mounts = fopen(proc_path(pid, "mountinfo"), "re");
	CHECK(mounts);
	for (int count = 0; mounts && fgets(text, sizeof(text), mounts); count++) {
		char root[512], point[512], options[512];

		CHECK(sscanf(text, "%*d %*d %*s %511s %511s %511s", root, point, options) == 3);
		CHECK(strncmp(options, "ro,nosuid,nodev", 15) == 0);
		CHECK(count > 0 || strcmp(point, "/") == 0);
		CHECK(count == 0 || strcmp(point, "/") != 0);
	}
	if (mounts)
		fclose(mounts);
}

/* Whether descriptor `number` may lead to `target`. */
static bool fd_expected(int number, const char *target)
{
	if (number == 0)
		return strcmp(target, "/dev/null") == 0;
	if (number <= 2)
		return strncmp(target, "pipe:", 5) == 0;
	if (number <= 4)
		return strncmp(target, "socket:", 7) == 0;
	if (strcmp(target, TUN_NODE) == 0)
		return true;
	return strncmp(target, "anon_inode:", 11) == 0 ||
	       strncmp(target, "/tmp/vm-confinement-", 20) == 0;
}

static void check_fds(int pid)
{
	DIR *dir = opendir(proc_path(pid, "fd"));
	struct dirent *entry;
	int disks = 0, taps = 0;

	TEST("QEMU has the descriptors that it was given and its own event descriptors");
	CHECK(dir);
	while (dir && (entry = readdir(dir))) {
		char target[256] = "";

		if (entry->d_name[0] == '.')
			continue;
		CHECK(readlink(proc_path(pid, "fd/%s", entry->d_name), target, sizeof(target) - 1) >
		      0);
		if (!fd_expected(atoi(entry->d_name), target)) {
			printf("# descriptor %s is %s\n", entry->d_name, target);
			CHECK(false);
		}
		disks += strncmp(target, "/tmp/", 5) == 0;
		taps += strcmp(target, TUN_NODE) == 0;
	}
	CHECK(disks >= DISKS && taps <= 1);
	if (dir)
		closedir(dir);
}

static void check_jail(unsigned uid)
{
	AUTO_FD int initramfs = open(initramfs_path, O_RDONLY | O_CLOEXEC);
	struct err err = {0};
	struct rig rig;
	char how[128];
	int pid;

	TEST("a VM starts");
	if (rig_start(&rig, initramfs, &err) < 0) {
		printf("# %s\n", err.msg);
		CHECK(false);
		return;
	}
	pid = vmm_qemu.pid(rig.vm);
	wait_for_agent(&rig);
	check_privileges(pid, uid);
	check_limits(pid);
	check_namespaces(pid);
	check_root(pid);
	check_fds(pid);

	TEST("a killed QEMU is noticed at once");
	kill(pid, SIGKILL);
	CHECK(poll(&(struct pollfd){vmm_qemu.exit_fd(rig.vm), POLLIN, 0}, 1, GONE_MS) == 1);
	vmm_qemu.describe_exit(rig.vm, how, sizeof(how));
	CHECK_STR(how, "killed by signal 9");
	rig_stop(&rig);
}

/* The supervisor is killed as soon as it has started the VM: its console ends with QEMU. */
static void check_parent_death(void)
{
	AUTO_FD int initramfs = open(initramfs_path, O_RDONLY | O_CLOEXEC);
	struct err err = {0};
	struct rig rig;
	uint64_t start;
	int fds[2], pid = 0;
	pid_t supervisor;

	TEST("QEMU is gone within 2 s of its supervisor's SIGKILL");
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	supervisor = fork();
	if (supervisor == 0) {
		if (rig_start(&rig, initramfs, &err) < 0)
			_exit(1);
		pid = vmm_qemu.pid(rig.vm);
		(void)!write(fds[1], &pid, sizeof(pid));
		pause();
	}
	close(fds[1]);
	CHECK(read(fds[0], &pid, sizeof(pid)) == (ssize_t)sizeof(pid) && kill(pid, 0) == 0);
	kill(supervisor, SIGKILL);
	waitpid(supervisor, NULL, 0);
	start = clock_monotonic_ms();
	/* Until it is reaped by whoever reaps orphans here a zombie remains: that has ended too. */
	while (pid > 0 && kill(pid, 0) == 0 && status_of(pid, "State")[0] != 'Z' &&
	       clock_monotonic_ms() - start < GONE_MS)
		usleep(5000);
	CHECK(clock_monotonic_ms() - start < GONE_MS);
	close(fds[0]);
}

static void check_panic(void)
{
	AUTO_FD int garbage = memfd_create("initramfs", MFD_CLOEXEC);
	AUTO_BUF struct buf console = BUF_INIT(1 << 20);
	struct err err = {0};
	struct rig rig;
	char how[128] = "";

	TEST("a guest that panics ends QEMU at once, with its last words on the console");
	CHECK(write(garbage, "no initramfs", 12) == 12);
	CHECK(rig_start(&rig, garbage, &err) == 0);
	CHECK(fd_read_to_end(rig.console, &console, "console", &err) == 0);
	CHECK(strstr(console.ptr, "Kernel panic"));
	CHECK(poll(&(struct pollfd){vmm_qemu.exit_fd(rig.vm), POLLIN, 0}, 1, DEADLINE_MS) == 1);
	vmm_qemu.describe_exit(rig.vm, how, sizeof(how));
	CHECK_STR(how, "exit status 0, the guest panicked or restarted");
	rig_stop(&rig);
}

static void check_bad_start(void)
{
	AUTO_FD int initramfs = open(initramfs_path, O_RDONLY | O_CLOEXEC);
	AUTO_BUF struct buf words = BUF_INIT(4096);
	const char *kernel = kernel_path;
	struct err err = {0};
	struct rig rig;
	char how[128];

	TEST("a file that is no kernel: QEMU says so and ends");
	kernel_path = "/bin/sh";
	CHECK(rig_start(&rig, initramfs, &err) == 0);
	CHECK(fd_read_to_end(rig.complaints, &words, "stderr", &err) == 0);
	CHECK(strstr(words.ptr, "kernel"));
	CHECK(poll(&(struct pollfd){vmm_qemu.exit_fd(rig.vm), POLLIN, 0}, 1, DEADLINE_MS) == 1);
	vmm_qemu.describe_exit(rig.vm, how, sizeof(how));
	CHECK_STR(how, "exit status 1");
	rig_stop(&rig);
	kernel_path = kernel;
}

/* In a mount namespace where the program is covered.  Root only. */
static void check_missing(void)
{
	static const char *const names[] = {"/usr/bin/qemu-system-x86_64",
					    "/usr/bin/qemu-system-x86_64-microvm"};
	struct err err = {0};
	struct rig rig;
	int status = 1;
	pid_t child;

	TEST("without QEMU the error says what to install");
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(1);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			mount("/dev/null", names[i], NULL, MS_BIND, NULL);
		if (rig_start(&rig, open(initramfs_path, O_RDONLY | O_CLOEXEC), &err) == 0)
			_exit(2);
		_exit(err.code == ERR_UNAVAILABLE &&
				      strcmp(err.msg,
					     "qemu-system-x86_64 is not installed: apt-get "
					     "install qemu-system-x86") == 0
			      ? 0
			      : 3);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static int run_all(unsigned uid)
{
	check_jail(uid);
	check_parent_death();
	check_panic();
	check_bad_start();
	return tap_done();
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	kernel_path = argv[1];
	initramfs_path = argv[2];
	if (geteuid() != 0)
		return run_all(geteuid());
	run_as_tun_user(argc, argv);
	check_missing();
	return run_all(NOBODY);
}
