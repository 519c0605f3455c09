// SPDX-License-Identifier: MIT
/*
 * guest-init in a real VM: guest_test KERNEL INITRAMFS UPPER BASE MODULES PROGRAM DIRECTORY.
 * PROGRAM is a static build of guest/seccomp_test.c, run inside; DIRECTORY is for this test's
 * own files.  Four VMs: an ordinary one, a privileged one, two that die.
 */
#include "fixture.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* For the duration of one statement only. */
#define words(a, b, c)                                      \
	(char *[])                                          \
	{                                                   \
		(char *)(a), (char *)(b), (char *)(c), NULL \
	}

enum { MIB = 1024 * 1024 };

static void test_plain(struct guest_vm *vm)
{
	const char *no_shell[] = {"PATH=/nowhere", NULL};

	TEST("output, error output and exit code of a command");
	EXPECT(vm, 7, "out\nerr", "echo out; echo err >&2; exit 7");
	TEST("a command that dies of a signal is 128 + its number");
	EXPECT(vm, 137, "", "kill -9 $$");
	EXPECT(vm, 127, "sh: nosuch: not found", "nosuch");
	TEST("without stdin it is /dev/null");
	EXPECT(vm, 0, "0", "wc -c");
	TEST("environment: PATH and HOME are added, the host's win");
	EXPECT(vm, 0,
	       "HOME=/root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	       "env | grep -E '^(HOME|PATH)=' | sort");
	EXPECT(vm, 0, "/h /bin x y", "echo $HOME $PATH $V",
	       .env = (const char *[]){"HOME=/h", "PATH=/bin", "V=x y", NULL});
	TEST("an image without a shell: the words are the command");
	EXPECT(vm, 0, "a b", NULL, .argv = words("/bin/busybox", "echo", "a b"), .env = no_shell);
	EXPECT(vm, 127, "matchlock: busybox: not found", NULL,
	       .argv = words("busybox", "true", NULL), .env = no_shell);
	EXPECT(vm, 127, "matchlock: /none: No such file or directory", NULL,
	       .argv = words("/none", NULL, NULL), .env = no_shell);
	EXPECT(vm, 126, "matchlock: /etc/passwd: Permission denied", NULL,
	       .argv = words("/etc/passwd", NULL, NULL), .env = no_shell);
	TEST("working directory");
	EXPECT(vm, 0, "/etc", "pwd", .cwd = "/etc");
	EXPECT(vm, 1, "working directory \"/none\" does not exist in the image", "pwd",
	       .cwd = "/none");
	TEST("open files");
	EXPECT(vm, 0, "1048576\n1048576", "ulimit -Sn; ulimit -Hn");
	EXPECT(vm, 0, "0022", "umask");
}

static void test_stdin(struct guest_vm *vm)
{
	static char block[MIB];
	struct guest_run run = {.command = "cat >/dev/null; echo done",
				.input = {block, sizeof(block)},
				.input_repeat = 63};

	TEST("stdin arrives, and its end");
	EXPECT(vm, 0, "abc\nend", "cat; echo end", .input = VIEW_LIT("abc\n"));
	EXPECT(vm, 0, "end", "cat; echo end", .input = VIEW_LIT(""));
	TEST("stdin is held back while the command does not read");
	EXPECT(vm, 0, "67108864", "sleep 1; wc -c", .input = {block, sizeof(block)},
	       .input_repeat = 63);
	TEST("a command that does not read its stdin does not hold up the channel");
	EXPECT(vm, 0, "", "true", .input = {block, sizeof(block)}, .input_repeat = 7);
	TEST("64 MiB in");
	guest_vm_run(vm, &run);
	CHECK_STR(run.out.ptr, "done\n");
	printf("# %.0f MB/s\n", 64.0 * 1.048576 * 1000 / (double)run.ms);
	guest_run_done(&run);
}

static void test_output(struct guest_vm *vm)
{
	struct guest_run run = {.command = "dd if=/dev/zero bs=1M count=1024 2>/dev/null",
				.count_only = true};

	TEST("1 GiB out is complete");
	guest_vm_run(vm, &run);
	CHECK(run.out_bytes == 1024ull * MIB);
	CHECK(run.code == 0);
	printf("# %.0f MB/s\n", 1024 * 1.048576 * 1000 / (double)run.ms);
	guest_run_done(&run);
	TEST("the agent's memory does not grow with it");
	EXPECT(vm, 0, "little",
	       "test $(awk '/MemAvailable/{print $2}' /proc/meminfo) -gt 350000 && "
	       "echo little");
}

static void test_users(struct guest_vm *vm)
{
	TEST("users and groups");
	EXPECT(vm, 0, "65533:65533:/", "echo $(id -u):$(id -g):$HOME", .user = "65533:65533");
	EXPECT(vm, 0, "1234:1234:1234", "echo $(id -u):$(id -g):$(id -G)", .user = "1234");
	EXPECT(vm, 127, "matchlock: user \"nosuch\" not found", "true", .user = "nosuch");
	EXPECT(vm, 127, "matchlock: group \"nosuch\" not found", "true", .user = "0:nosuch");
	TEST("another user can open its standard output by name");
	EXPECT(vm, 0, "x", "echo x >/dev/stdout", .user = "1234");
	TEST("another user has no capability");
	EXPECT(vm, 0, "0000000000000000", "awk '/CapEff/{print $2}' /proc/self/status",
	       .user = "1234");
}

static void test_terminal(struct guest_vm *vm)
{
	TEST("a terminal: its name, its size, its session");
	EXPECT(vm, 0, "/dev/pts/0\r\n24 80", "tty; stty size", .terminal = true, .rows = 24,
	       .cols = 80);
	TEST("resize");
	EXPECT(vm, 0, "50 132", "trap 'stty size; exit' WINCH; while :; do sleep 0.1; done",
	       .terminal = true, .rows = 24, .cols = 80, .resize_after_ms = 500);
	TEST("Ctrl-C is a byte that the terminal makes a signal of");
	EXPECT(vm, 130, "^C", "sleep 100", .terminal = true, .input = VIEW_LIT("\003"));
}

static void test_signals(struct guest_vm *vm)
{
	struct guest_run run = {.command = "trap '' TERM; setsid sleep 1234 & sleep 1234",
				.cancel_after_ms = 700,
				.grace_ms = 300};
	struct guest_run terminal = {.command = "trap '' TERM; sleep 1235; sleep 1235",
				     .terminal = true,
				     .cancel_after_ms = 500,
				     .grace_ms = 60000};

	TEST("a signal reaches the command's process group");
	EXPECT(vm, 3, "caught",
	       "exec 2>&-; trap 'echo caught; exit 3' USR1; while :; do sleep 0.1; done",
	       .signal_after_ms = 500, .signal = 10);
	TEST("cancelling ends the whole tree, after the grace by force");
	guest_vm_run(vm, &run);
	guest_run_done(&run);
	EXPECT(vm, 0, "gone", "sleep 1; ps | grep -q '[s]leep 1234' || echo gone");
	TEST("a terminal that is cancelled hangs up");
	guest_vm_run(vm, &terminal);
	guest_run_done(&terminal);
	EXPECT(vm, 0, "gone", "sleep 0.5; ps | grep -q '[s]leep 1235' || echo gone");
	TEST("control groups of ended commands are gone");
	EXPECT(vm, 0, "1", "ls -d /sys/fs/cgroup/exec-* | wc -l");
}

static void test_background(struct guest_vm *vm)
{
	struct guest_run run = {.command = "sleep 1236 & echo started"};
	struct guest_run noisy = {.command = "yes & sleep 0.2", .count_only = true};

	TEST("a background process survives and does not hold up the end");
	guest_vm_run(vm, &run);
	CHECK_STR(run.out.ptr, "started\n");
	CHECK(run.ms < 1500);
	guest_run_done(&run);
	EXPECT(vm, 0, "there", "ps | grep -q '[s]leep 1236' && echo there; kill $(pidof sleep)");
	TEST("not even one that writes for ever");
	guest_vm_run(vm, &noisy);
	CHECK(noisy.exited && noisy.ms < 10000);
	guest_run_done(&noisy);
	TEST("orphans are reaped");
	EXPECT(vm, 0, "0",
	       "(for i in 1 2 3; do (true & ) ; done); sleep 0.5; "
	       "ps -o stat | grep -c Z; true");
}

static void test_system(struct guest_vm *vm)
{
	TEST("files of the VM");
	EXPECT(vm, 0,
	       "127.0.0.1 localhost localhost.localdomain vm-test\n10.0.0.10 api.internal\n"
	       "::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n"
	       "ff02::2 ip6-allrouters\nvm-test\nnameserver 8.8.8.8\nnameserver 8.8.4.4\nvm-test",
	       "cat /etc/hosts /etc/hostname /etc/resolv.conf; hostname");
	EXPECT(vm, 0, "abababababababababababababababab", "cat /etc/machine-id");
	TEST("the old root is gone, /tmp is open and on the disk, loopback is up");
	EXPECT(vm, 0, "1777",
	       "stat -c %a /tmp; ls -d /.old-root /upper /layer 2>/dev/null; "
	       "grep ' /tmp ' /proc/mounts; true");
	EXPECT(vm, 0, "lo\nUP",
	       "ls /sys/class/net; ip link show lo | grep -o -m1 'LOOPBACK,UP' | "
	       "cut -d, -f2");
	TEST("process substitution and /dev/stdout work");
	EXPECT(vm, 0, "a\nb", "echo a >/dev/stdout; echo b | cat /dev/fd/0");
	TEST("modules are loaded when a device is opened or a socket made");
	EXPECT(vm, 0, "",
	       "for d in loop-control net/tun fuse; do : <>/dev/$d || exit 1; done; "
	       "for m in loop tun fuse; do test -d /sys/module/$m || echo no $m; done");
	TEST("the container's init cannot be looked into");
	EXPECT(vm, 0, "denied",
	       "cat /proc/1/environ /proc/1/maps >/dev/null 2>&1 || "
	       "readlink /proc/1/fd/3 || echo denied");
}

static void test_limits(struct guest_vm *vm)
{
	TEST("the CPU limit cannot be changed or left");
	EXPECT(vm, 0, "50000 100000", "cat /sys/fs/cgroup/cpu.max");
	EXPECT(vm, 0, "50000 100000",
	       "echo max 2>/dev/null >/sys/fs/cgroup/cpu.max; cat /sys/fs/cgroup/cpu.max");
}

static void test_confinement(struct guest_vm *vm, const struct guest_files *files)
{
	AUTO_BUF struct buf program = BUF_INIT(8 * MIB);
	struct err err;

	TEST("capabilities are those of the contract, in every set");
	EXPECT(vm, 0, "000001ffff94ffff\n000001ffff94ffff\n000001ffff94ffff",
	       "awk '/Cap(Prm|Eff|Bnd)/{print $2}' /proc/self/status");
	EXPECT(vm, 0, "1 2", "echo $(awk '/NoNewPrivs|Seccomp:/{print $2}' /proc/self/status)");
	EXPECT(vm, 1, "mount: permission denied (are you root?)", "mount -t tmpfs x /tmp");
	TEST("the filter holds for 64-bit, x32 and 32-bit calls");
	if (fd_read_file(AT_FDCWD, files->program, &program, &err) < 0) {
		CHECK_STR(err.msg, "");
		return;
	}
	EXPECT(vm, 0, "ok 4 - the 32-bit table is filtered too",
	       "cat >/tmp/t && chmod +x /tmp/t && /tmp/t >/tmp/t.out; s=$?; "
	       "grep -v '^ok [1-3] ' /tmp/t.out | grep -v '^1'; rm /tmp/t*; exit $s",
	       .input = {program.ptr, program.len});
}

static bool is_clean(const struct guest_files *files, const char *disk)
{
	AUTO_FREE char *command = xasprintf(
		"PATH=$PATH:/sbin:/usr/sbin; e2fsck -fn %s/%s >/dev/null 2>&1", files->dir, disk);

	return system(command) == 0;
}

static bool upper_holds(const struct guest_files *files, const char *path, const char *text)
{
	AUTO_FREE char *command = xasprintf(
		"PATH=$PATH:/sbin:/usr/sbin; test \"$(debugfs -R 'cat %s' %s/vm.upper.ext4 "
		"2>/dev/null)\" = '%s'",
		path, files->dir, text);

	return system(command) == 0;
}

static void test_end(struct guest_vm *vm, const struct guest_files *files)
{
	uint64_t ms;

	TEST("an orderly end: processes get their signal, the disk is clean");
	EXPECT(vm, 0, "",
	       "echo data >/root/file; (trap 'echo bye >/root/bye; exit' TERM; "
	       "while :; do sleep 0.1; done) >/dev/null 2>&1 & sleep 0.5");
	CHECK(guest_vm_stop(vm, 5000, &ms));
	CHECK(ms < 5000);
	CHECK(is_clean(files, "vm.upper.ext4"));
	CHECK(upper_holds(files, "/upper/root/file", "data"));
	CHECK(upper_holds(files, "/upper/root/bye", "bye"));
	printf("# %llu ms\n", (unsigned long long)ms);
}

static void test_privileged(const struct guest_files *files)
{
	struct guest_vm *vm = guest_boot(files, true, 50000);
	uint64_t ms;

	TEST("a privileged sandbox has all capabilities and all devices");
	EXPECT(vm, 0, "000001ffffffffff 0 0",
	       "echo $(awk '/CapEff|NoNewPrivs|Seccomp:/{print $2}' /proc/self/status)");
	EXPECT(vm, 0, "/dev/vda\n/dev/fd/0", "ls /dev/vda; echo /dev/fd/0");
	EXPECT(vm, 0, "", "mount -t tmpfs x /tmp && umount /tmp");
	EXPECT(vm, 0, "ok",
	       "dd if=/dev/zero of=/root/i bs=1M count=4 2>/dev/null && "
	       "losetup /dev/loop0 /root/i && losetup -d /dev/loop0 && echo ok");
	TEST("layers are stacked, a data disk is mounted at its path");
	EXPECT(vm, 0, "/bin/busybox\n/kernel/fs", "ls -d /bin/busybox /kernel/fs");
	EXPECT(vm, 0, "ext4",
	       "awk '$2 == \"/srv/new/data\" {print $3}' /proc/mounts; "
	       "echo kept >/srv/new/data/file");
	test_limits(vm);
	TEST("what ignores SIGTERM is killed after the grace");
	EXPECT(vm, 0, "", "(trap '' TERM; while :; do sleep 1; done) >/dev/null 2>&1 & sleep 0.5");
	CHECK(guest_vm_stop(vm, 500, &ms));
	CHECK(ms >= 500 && ms < 5000);
	CHECK(is_clean(files, "vm.upper.ext4") && is_clean(files, "vm.data.ext4"));
}

static void test_death(const struct guest_files *files)
{
	struct guest_vm *vm = guest_boot(files, true, 0);
	struct guest_run run = {.command = "echo c >/proc/sysrq-trigger"};

	TEST("a guest that crashes ends QEMU");
	guest_vm_run(vm, &run);
	CHECK(!run.exited);
	guest_run_done(&run);
	CHECK(guest_vm_await_end(vm));

	TEST("a host that is gone ends the guest");
	vm = guest_boot(files, false, 0);
	guest_vm_hang_up(vm);
	CHECK(guest_vm_await_end(vm));
}

int main(int argc, char **argv)
{
	const struct guest_files files = guest_files_of(argc, argv);
	struct guest_vm *vm;

	vm = guest_boot(&files, false, 0);
	test_plain(vm);
	test_stdin(vm);
	test_output(vm);
	test_users(vm);
	test_terminal(vm);
	test_signals(vm);
	test_background(vm);
	test_system(vm);
	test_confinement(vm, &files);
	printf("# the same by a process that waits\n");
	guest_vm_make_wait(vm, true);
	test_plain(vm);
	test_stdin(vm);
	test_users(vm);
	test_signals(vm);
	test_system(vm);
	guest_vm_make_wait(vm, false);
	test_end(vm, &files);
	test_privileged(&files);
	test_death(&files);
	return tap_done();
}
