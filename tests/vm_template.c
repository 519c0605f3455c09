// SPDX-License-Identifier: MIT
/*
 * vm_template KERNEL INITRAMFS UPPER BASE MODULES ATTACK: a real VM is booted with its RAM in a
 * file, saved, restored, restored onto a copy and saved again; each clone sets up disks of its own.
 * Then what must not be: a clone, or a program in QEMU's place
 * (ATTACK, tests/ram_attack.c), that alters the template; a broken template that starts; a
 * fingerprint that misses a difference.  Run by root it does all of it twice.
 *
 * Longer than other files, since the rig (a VM that is asked by hand-fed frames) serves this story
 * alone and each part of the story needs the saved VM of the part before.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/both_users.h"
#include "base/clock.h"
#include "base/confine_notify.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/random.h"
#include "base/tap.h"
#include "vmm/qemu/jail.h"
#include "vmm/vmm.h"
#include "wire/agent.h"
#include "wire/mux.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>

enum { MEMORY_MB = 256, DISKS = 3, DEADLINE_MS = 60000, IDLE_MS = 300, MIB = 1024 * 1024 };

struct files {
	const char *kernel, *initramfs, *upper, *base, *modules, *attack;
};

struct saved {
	int ram_fd, state_fd;
};

/* A started VM with our ends of its descriptors. */
struct rig {
	struct vm *vm;
	int channel, console, complaints;
	uint8_t answer; /* of the guest, 0: none yet */
};

static const struct files *files;
static unsigned tsc_khz;

/* --- files --- */

/* A new file without a name. */
static int make_file(off_t size)
{
	char path[] = "/tmp/vm-template-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && ftruncate(fd, size) == 0);
	unlink(path);
	return fd;
}

static int copy_of(int src)
{
	struct err err;
	int fd = make_file(0);

	CHECK(fd_copy_sparse(src, fd, "copy", &err) == 0);
	return fd;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* A number that changes with any byte of the file, and with its times, mode and flags. */
static uint64_t sum_of(int fd)
{
	static uint64_t chunk[MIB / sizeof(uint64_t)];
	uint64_t sum = 14695981039346656037u;
	struct stat st;
	ssize_t got;

	CHECK(fstat(fd, &st) == 0);
	sum ^= (uint64_t)st.st_mtim.tv_nsec ^ (uint64_t)st.st_ctim.tv_nsec << 32 ^ st.st_mode;
	for (off_t at = 0; (got = pread(fd, chunk, sizeof(chunk), at)) > 0; at += got) {
		for (size_t i = 0; i < (size_t)got / sizeof(uint64_t); i++)
			sum = (sum ^ chunk[i]) * 1099511628211u;
	}
	return sum;
}

static unsigned long allocated_kib(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (unsigned long)st.st_blocks / 2 : 0;
}

/* --- VMs --- */

static struct vm_spec spec_of(enum vm_begin begin, const struct saved *saved)
{
	return (struct vm_spec){.begin = begin,
				.ram_fd = saved->ram_fd,
				.state_fd = saved->state_fd,
				.accel = ACCEL_TCG,
				.tsc_khz = tsc_khz,
				.cpus = 1,
				.memory_mb = MEMORY_MB,
				.kernel_fd = -1,
				.initramfs_fd = -1,
				.slots = vm_slots(DISKS),
				.net_fd = -1};
}

/* Starts it with new channel, console and complaints. */
static bool rig_start(struct rig *rig, struct vm_spec *spec)
{
	int channel[2], console[2], complaints[2];
	struct err err = {0};

	*rig = (struct rig){.vm = NULL};
	CHECK(fd_socketpair(channel, &err) == 0 && pipe2(console, O_CLOEXEC) == 0 &&
	      pipe2(complaints, O_CLOEXEC) == 0);
	spec->channel_fd = channel[1];
	spec->console_fd = console[1];
	spec->stderr_fd = complaints[1];
	if (vmm_qemu.start(spec, &rig->vm, &err) < 0) {
		printf("# %s\n", err.msg);
		rig->vm = NULL;
	}
	close(channel[1]);
	close(console[1]);
	close(complaints[1]);
	rig->channel = channel[0];
	rig->console = console[0];
	rig->complaints = complaints[0];
	return rig->vm != NULL;
}

/* Ends the VM; what QEMU said becomes comments. */
static void rig_stop(struct rig *rig)
{
	FILE *words = fdopen(dup(rig->complaints), "r");
	char line[256];

	vmm_qemu.free(rig->vm);
	while (words && fgets(line, sizeof(line), words))
		printf("# %s", line);
	if (words)
		fclose(words);
	close(rig->channel);
	close(rig->console);
	close(rig->complaints);
}

/* Does the supervisor's part until `fd` is readable; false at QEMU's end or the deadline. */
static bool attend_until(const struct rig *rig, int fd, int timeout_ms)
{
	uint64_t end = clock_monotonic_ms() + (uint64_t)timeout_ms;
	struct pollfd polled[] = {{fd, POLLIN, 0},
				  {vmm_qemu.attend_fd(rig->vm), POLLIN, 0},
				  {vmm_qemu.exit_fd(rig->vm), POLLIN, 0}};

	for (;;) {
		uint64_t now = clock_monotonic_ms();

		if (now >= end || poll(polled, 3, (int)(end - now)) <= 0)
			return false;
		if (polled[0].revents)
			return true;
		if (polled[2].revents)
			return false;
		vmm_qemu.attend(rig->vm);
	}
}

static unsigned long cpu_ticks(int pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file ||
	    fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &system) != 2)
		user = 0;
	if (file)
		fclose(file);
	return user + system;
}

/* Until the guest has booted and waits: it has worked for a second and does no more. */
static void await_idle(const struct rig *rig)
{
	uint64_t end = clock_monotonic_ms() + DEADLINE_MS;
	unsigned long before = 0, now = 0;

	do {
		before = now;
		attend_until(rig, -1, IDLE_MS);
		now = cpu_ticks(vmm_qemu.pid(rig->vm));
	} while ((now < 100 || now - before > 3) && clock_monotonic_ms() < end);
	CHECK(clock_monotonic_ms() < end);
}

/* --- the agent --- */

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct rig *rig = ctx;
	struct agent_failed failed;
	struct err err;

	rig->answer = type;
	if (type == AGENT_FAILED && agent_failed_unpack(payload, &failed, &err) == 0) {
		printf("# the guest: %s\n", failed.text);
		agent_failed_done(&failed);
	}
}

static void on_closed(void *ctx)
{
	(void)ctx;
}

static void on_output(void *ctx)
{
	(void)ctx;
}

static void write_out(const struct rig *rig, struct mux *mux)
{
	struct view out = mux_output(mux);
	struct err err;

	CHECK(fd_write_all(rig->channel, out.ptr, out.len, "channel", &err) == 0);
	mux_written(mux, out.len);
}

static void pack_setup(struct buf *request)
{
	struct agent_disk disks[DISKS] = {{AGENT_DISK_MODULES, true, NULL},
					  {AGENT_DISK_LAYER, true, NULL},
					  {AGENT_DISK_UPPER, false, NULL}};
	char hostname[] = "clone", *none[] = {NULL};
	struct agent_setup setup = {.protocol = AGENT_PROTOCOL,
				    .hostname = hostname,
				    .dns = none,
				    .hosts = none,
				    .disk_count = DISKS,
				    .disks = disks};

	random_bytes(setup.entropy, sizeof(setup.entropy));
	agent_setup_pack(request, &setup);
}

/* Asks for the set-up of the disks; the type of the answer, 0: none. */
static uint8_t ask_setup(struct rig *rig)
{
	static const struct mux_stream_ops stream_ops = {.message = on_message,
							 .closed = on_closed};
	static const struct mux_ops mux_ops = {.output = on_output};
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	struct mux *mux = mux_new(MUX_HOST, LIMIT_MESSAGE_TO_HOST, &mux_ops, rig);
	struct mux_stream *stream;
	struct err err;

	pack_setup(&request);
	CHECK(mux_open(mux, AGENT_SETUP, (struct view){request.ptr, request.len}, &stream_ops, rig,
		       &stream, &err) == 0);
	write_out(rig, mux);
	while (!rig->answer && attend_until(rig, rig->channel, DEADLINE_MS)) {
		char bytes[4096];
		ssize_t got = read(rig->channel, bytes, sizeof(bytes));

		if (got <= 0 || mux_receive(mux, bytes, (size_t)got, &err) < 0)
			break;
	}
	mux_free(mux);
	return rig->answer;
}

/* --- tests --- */

/* Saves the VM of `rig` into `saved`. */
static void save(struct rig *rig, struct saved *saved)
{
	uint64_t start = clock_monotonic_ns();
	struct err err = {0};
	char how[128];

	saved->state_fd = make_file(0);
	CHECK(vmm_qemu.save(rig->vm, saved->state_fd, DEADLINE_MS, &err) == 0);
	printf("# saved in %.1f ms: state %lu KiB, RAM %lu KiB %s\n",
	       (double)(clock_monotonic_ns() - start) / 1e6, allocated_kib(saved->state_fd),
	       allocated_kib(saved->ram_fd), err.msg);
	vmm_qemu.describe_exit(rig->vm, how, sizeof(how));
	CHECK(strncmp(how, "exit status 0", 13) == 0);
	CHECK(allocated_kib(saved->state_fd) > 50 && allocated_kib(saved->ram_fd) > 1024);
}

/* The disks of a VM, new ones. */
static void open_disks(struct vm_disk ret_disks[DISKS])
{
	AUTO_FD int seed = open_file(files->upper);

	ret_disks[0] = (struct vm_disk){open_file(files->modules), true};
	ret_disks[1] = (struct vm_disk){open_file(files->base), true};
	ret_disks[2] = (struct vm_disk){copy_of(seed), false};
}

static void close_disks(struct vm_disk disks[DISKS])
{
	for (size_t i = 0; i < DISKS; i++)
		close(disks[i].fd);
}

static void boot_and_save(struct saved *saved)
{
	struct vm_disk disks[DISKS];
	struct vm_spec spec;
	uint64_t start = clock_monotonic_ns();
	struct rig rig;

	TEST("a VM boots with its RAM in a file and is saved before it uses its disks");
	*saved = (struct saved){make_file((off_t)MEMORY_MB * MIB), -1};
	spec = spec_of(VM_BOOT_INTO, saved);
	spec.kernel_fd = open_file(files->kernel);
	spec.initramfs_fd = open_file(files->initramfs);
	spec.disks = disks;
	spec.disk_count = DISKS;
	open_disks(disks);
	CHECK(rig_start(&rig, &spec));
	close_disks(disks);
	close(spec.kernel_fd);
	close(spec.initramfs_fd);
	if (rig.vm) {
		await_idle(&rig);
		printf("# booted and idle after %.0f ms\n",
		       (double)(clock_monotonic_ns() - start) / 1e6);
		save(&rig, saved);
	}
	rig_stop(&rig);
}

/* No descriptor and no shared mapping through which QEMU could write to the file. */
static void check_cannot_write(int pid, int ram_fd)
{
	char path[300], line[512];
	struct dirent *entry;
	struct stat ram, st;
	unsigned flags = ~0u;
	bool mapped = false;
	FILE *file;
	DIR *dir;

	CHECK(fstat(ram_fd, &ram) == 0);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	CHECK(dir);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", pid, entry->d_name);
		if (stat(path, &st) < 0 || st.st_ino != ram.st_ino || st.st_dev != ram.st_dev)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, entry->d_name);
		file = fopen(path, "re");
		CHECK(file && fscanf(file, "pos: %*u flags: %o", &flags) == 1);
		CHECK((flags & O_ACCMODE) == O_RDONLY);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long inode = 0;
		char mode[8] = "";

		if (sscanf(line, "%*s %7s %*s %*s %lu", mode, &inode) == 2 && inode == ram.st_ino) {
			CHECK_STR(mode, "rw-p");
			mapped = true;
		}
	}
	CHECK(mapped);
	if (file)
		fclose(file);
}

/* Restores with the real disks and sets up. */
static void check_clone(enum vm_begin begin, const struct saved *saved, struct rig *rig)
{
	struct vm_disk disks[DISKS];
	struct vm_spec spec = spec_of(begin, saved);
	uint64_t start = clock_monotonic_ns();

	spec.disks = disks;
	spec.disk_count = DISKS;
	open_disks(disks);
	CHECK(rig_start(rig, &spec));
	close_disks(disks);
	CHECK(rig->vm && ask_setup(rig) == AGENT_READY);
	printf("# restored and set up in %.1f ms\n", (double)(clock_monotonic_ns() - start) / 1e6);
}

static void check_restore(const struct saved *saved)
{
	uint64_t before = sum_of(saved->ram_fd);
	struct err err = {0};
	struct rig a, b;

	TEST("two clones at once: each mounts its disks, none can write to the template's RAM");
	check_clone(VM_RESTORE, saved, &a);
	check_clone(VM_RESTORE, saved, &b);
	if (a.vm && b.vm) {
		check_cannot_write(vmm_qemu.pid(a.vm), saved->ram_fd);
		CHECK(vmm_qemu.save(a.vm, b.channel, 1000, &err) < 0 && err.code == ERR_INTERNAL);
	}
	rig_stop(&a);
	rig_stop(&b);
	CHECK(sum_of(saved->ram_fd) == before);
}

static void check_derived(const struct saved *saved)
{
	struct saved derived = {copy_of(saved->ram_fd), saved->state_fd};
	uint64_t before = sum_of(saved->ram_fd);
	struct vm_spec spec = spec_of(VM_RESTORE_INTO, &derived);
	struct vm_disk disks[DISKS];
	struct rig rig;

	TEST("a template is derived from a template, which stays as it is");
	spec.disks = disks;
	spec.disk_count = DISKS;
	open_disks(disks);
	CHECK(rig_start(&rig, &spec));
	close_disks(disks);
	if (rig.vm) {
		attend_until(&rig, -1, IDLE_MS * 2);
		save(&rig, &derived);
	}
	rig_stop(&rig);
	CHECK(sum_of(saved->ram_fd) == before);
	check_clone(VM_RESTORE, &derived, &rig);
	rig_stop(&rig);
	close(derived.ram_fd);
	if (derived.state_fd != saved->state_fd)
		close(derived.state_fd);
}

static void check_broken(const struct saved *saved)
{
	struct saved cut = {saved->ram_fd, copy_of(saved->state_fd)}, small = *saved;
	struct vm_spec spec = spec_of(VM_RESTORE, &cut);
	struct err err = {0};
	char how[128] = "";
	struct vm *vm;
	struct rig rig;

	TEST("a state that is cut short ends QEMU; RAM of another size does not start");
	CHECK(ftruncate(cut.state_fd, 100000) == 0);
	CHECK(rig_start(&rig, &spec));
	if (rig.vm) {
		CHECK(ask_setup(&rig) == 0);
		CHECK(poll(&(struct pollfd){vmm_qemu.exit_fd(rig.vm), POLLIN, 0}, 1, 5000) == 1);
		vmm_qemu.describe_exit(rig.vm, how, sizeof(how));
		CHECK_STR(how, "exit status 1");
	}
	rig_stop(&rig);
	close(cut.state_fd);
	small.ram_fd = make_file(MIB);
	spec = spec_of(VM_RESTORE, &small);
	CHECK(vmm_qemu.start(&spec, &vm, &err) < 0 && err.code == ERR_INVALID);
	close(small.ram_fd);
}

/* ATTACK in the jail of a QEMU that restores, answered as QEMU is. */
static void check_attack(const struct saved *saved)
{
	AUTO_FREE char *program = realpath(files->attack, NULL);
	AUTO_FD int ram_fd = open_file("/proc/self/exe");
	AUTO_FD int notify_fd = -1;
	AUTO_BUF struct buf said = BUF_INIT(65536);
	struct vm_spec spec = spec_of(VM_RESTORE, saved);
	char link[64], *argv[] = {program, NULL};
	uint64_t before = sum_of(saved->ram_fd);
	struct proc proc = PROC_INIT;
	struct proc_spec start = PROC_SPEC_INIT;
	struct qemu_jail jail;
	struct err err = {0};
	int fds[2], status = -1;

	TEST("a program in QEMU's place cannot alter the template's RAM");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", saved->ram_fd);
	close(ram_fd);
	ram_fd = open_file(link);
	CHECK(program && pipe2(fds, O_CLOEXEC) == 0);
	qemu_jail_init(&jail, program, &spec);
	start.argv = argv;
	start.stdout_fd = start.stderr_fd = fds[1];
	start.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
			   CLONE_NEWPID | CLONE_NEWUTS;
	start.confine = &jail.spec;
	start.ret_notify_fd = &notify_fd;
	CHECK(proc_start(&start, &proc, &err) == 0);
	close(fds[1]);
	while (proc.pid > 0 && poll(&(struct pollfd){proc.pidfd, POLLIN, 0}, 1, 1) == 0)
		confine_notify_answer(notify_fd, &(struct confine_gift){"/ram", ram_fd}, 1);
	CHECK(fd_read_to_end(fds[0], &said, "attack", &err) == 0);
	CHECK_STR(said.ptr, "tried\n");
	CHECK(proc_wait(&proc, DEADLINE_MS, &status, &err) == 0 && status == 0);
	close(fds[0]);
	CHECK(sum_of(saved->ram_fd) == before);
}

static void check_fingerprint(const struct saved *saved)
{
	struct vm_spec base = spec_of(VM_BOOT_INTO, saved), same = spec_of(VM_RESTORE, saved),
		       other[4];
	AUTO_BUF struct buf text = BUF_INIT(65536);
	struct err err;
	uint64_t start;

	TEST("the fingerprint is that of the machine, whatever is behind its slots");
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		other[i] = base;
	other[0].cpus++;
	other[1].memory_mb++;
	other[2].slots = vm_slots(7);
	other[3].accel = ACCEL_KVM;
	same.tsc_khz++;
	same.disk_count = 2;
	start = clock_monotonic_ns();
	CHECK(vmm_qemu.fingerprint(&base, &text, &err) == 0 && text.len > 100);
	printf("# fingerprint in %lu us\n", (unsigned long)(clock_monotonic_ns() - start) / 1000);
	for (size_t i = 0; i <= ARRAY_SIZE(other); i++) {
		const struct vm_spec *spec = i < ARRAY_SIZE(other) ? &other[i] : &same;
		AUTO_BUF struct buf its = BUF_INIT(65536);

		CHECK(vmm_qemu.fingerprint(spec, &its, &err) == 0);
		CHECK((strcmp(its.ptr, text.ptr) == 0) == (spec == &same));
	}
}

int main(int argc, char **argv)
{
	struct accel_probe probe = {0};
	struct saved saved;
	struct files given;
	struct err err;

	if (argc != 7)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	given = (struct files){argv[1], argv[2], argv[3], argv[4], argv[5], argv[6]};
	files = &given;
	if (geteuid() == 0)
		run_as_user(argc, argv);
	CHECK(accel_probe("/proc/nonexistent", &probe, &err) == 0);
	tsc_khz = probe.tsc_khz;
	boot_and_save(&saved);
	check_fingerprint(&saved);
	check_attack(&saved);
	check_restore(&saved);
	check_derived(&saved);
	check_broken(&saved);
	return tap_done();
}
