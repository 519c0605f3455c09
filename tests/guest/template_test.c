// SPDX-License-Identifier: MIT
/*
 * guest-init as a template: template_test KERNEL INITRAMFS UPPER BASE MODULES PROGRAM DIR.
 * First PREPARE in a VM that lives on, which tests all but the save itself; then a generic
 * template, an image's derived from it, and clones of that: what each must have for itself, and how
 * long a command takes in one.
 */
#include "fixture.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, CLOCK_US = 10000 };

/* The control group of a command says which process it is: they are numbered. */
static unsigned group_of(struct guest_vm *vm, struct guest_run run)
{
	unsigned id = 0;

	run.command = "cat /proc/self/cgroup";
	guest_vm_run(vm, &run);
	sscanf(run.out.ptr, "0::/exec-%u", &id);
	CHECK(run.exited && id > 0);
	guest_run_done(&run);
	return id;
}

static void check_refused(struct guest_vm *vm, uint8_t kind, struct view request, const char *why)
{
	char text[GUEST_TEXT];

	CHECK(guest_vm_ask(vm, kind, request, text) == AGENT_FAILED);
	CHECK_STR(text, why);
}

static void prepare(struct guest_vm *vm, struct agent_prepare prepare, const char *refusal)
{
	char text[GUEST_TEXT];
	bool prepared = guest_vm_prepare(vm, &prepare, text);

	CHECK(prepared == !refusal);
	CHECK_STR(text, refusal ? refusal : "");
}

static void test_waiting(struct guest_vm *vm)
{
	char nobody[] = "nosuch", etc[] = "/etc";
	const struct agent_prepare here = {.waiting = true};
	unsigned before = group_of(vm, (struct guest_run){.command = NULL});

	TEST("the first command is taken by the process that waits, the next is not");
	prepare(vm, here, NULL);
	guest_vm_setup_again(vm);
	CHECK(group_of(vm, (struct guest_run){.command = NULL}) == before + 1);
	CHECK(group_of(vm, (struct guest_run){.command = NULL}) == before + 2);
	TEST("what it was not made for it does not take, and is not seen again");
	for (unsigned i = 0; i < 3; i++) {
		const struct guest_run other[] = {
			{.user = "1234"}, {.cwd = "/"}, {.terminal = true}};

		before = group_of(vm, (struct guest_run){.command = NULL});
		prepare(vm, here, NULL);
		guest_vm_setup_again(vm);
		CHECK(group_of(vm, other[i]) == before + 2);
	}
	prepare(vm, here, NULL);
	guest_vm_setup_again(vm);
	EXPECT(vm, 0, "0", "ps -o comm | grep -cE 'waiting|agent'; true", .terminal = true);
	TEST("a process that cannot wait is none");
	before = group_of(vm, (struct guest_run){.command = NULL});
	prepare(vm, (struct agent_prepare){.waiting = true, .user = nobody}, NULL);
	guest_vm_setup_again(vm);
	EXPECT(vm, 127, "matchlock: user \"nosuch\" not found", "true", .user = "nosuch");
	TEST("its directory");
	prepare(vm, (struct agent_prepare){.waiting = true, .cwd = etc}, NULL);
	guest_vm_setup_again(vm);
	EXPECT(vm, 0, "/etc", "pwd", .cwd = "/etc");
}

static void test_refusals(struct guest_vm *vm)
{
	struct guest_run background = {.command = "sleep 1237 & echo $!"};
	const struct agent_prepare waits = {.waiting = true};

	TEST("a VM in which a command runs is not prepared");
	guest_vm_run(vm, &background);
	guest_run_done(&background);
	prepare(vm, waits, "commands still run");
	EXPECT(vm, 0, "", "kill $(pidof sleep); while pidof sleep; do :; done >/dev/null");
	TEST("requests that make no sense are refused, and do no harm");
	check_refused(vm, AGENT_PREPARE, VIEW_LIT(""), "prepare message: malformed");
	check_refused(vm, AGENT_PREPARE, VIEW_LIT("\2"), "prepare message: malformed");
	check_refused(vm, AGENT_PREPARE, VIEW_LIT("\1\377\377\377\377"),
		      "prepare message: malformed");
	check_refused(vm, AGENT_SETUP, VIEW_LIT(""), "the VM has been set up already");
	prepare(vm, waits, NULL);
	TEST("what is prepared waits for SETUP and nothing else");
	check_refused(vm, AGENT_EXEC, VIEW_LIT(""), "the VM is not ready or is being shut down");
	check_refused(vm, AGENT_SHUTDOWN, VIEW_LIT(""),
		      "the VM is not ready or is being shut down");
	prepare(vm, waits, "a process waits already");
	guest_vm_setup_again(vm);
	EXPECT(vm, 0, "ready", "echo ready");
}

/* Of a clone of an image's template only the identity may differ.  Ends the VM. */
static void test_mismatch(struct guest_machine *m, struct guest_vm *vm)
{
	char text[GUEST_TEXT];

	TEST("a clone is not set up as something else");
	prepare(vm, (struct agent_prepare){.waiting = false}, NULL);
	m->spec.setup.privileged = true;
	CHECK(!guest_vm_setup(vm, &m->spec, text));
	CHECK_STR(text, "this VM is a clone of one with other disks, CPUs, privileges or network");
	check_refused(vm, AGENT_EXEC, VIEW_LIT(""), "the VM is not ready or is being shut down");
	guest_vm_kill(vm);
}

static void test_live(const struct guest_files *files)
{
	AUTO(guest_machine_done) struct guest_machine m;
	char text[GUEST_TEXT], other[] = "vm-other-and-longer";
	struct guest_vm *vm;

	guest_machine_init(&m, files, "live", false);
	vm = guest_vm_begin(&m.spec);
	TEST("before SETUP a VM is prepared as often as asked, but no process can wait");
	prepare(vm, (struct agent_prepare){.waiting = true},
		"no process can wait in a VM without a container");
	prepare(vm, (struct agent_prepare){.waiting = false}, NULL);
	prepare(vm, (struct agent_prepare){.waiting = false}, NULL);
	check_refused(vm, AGENT_EXEC, VIEW_LIT(""), "the VM is not ready or is being shut down");
	CHECK(guest_vm_setup(vm, &m.spec, text));
	test_waiting(vm);
	test_refusals(vm);
	TEST("another identity, on the same disks");
	prepare(vm, (struct agent_prepare){.waiting = false}, NULL);
	m.spec.setup.hostname = other;
	m.hosts[0] = NULL;
	memset(m.spec.setup.machine_id, 0xcd, sizeof(m.spec.setup.machine_id));
	CHECK(guest_vm_setup(vm, &m.spec, text));
	EXPECT(vm, 0,
	       "127.0.0.1 localhost localhost.localdomain vm-other-and-longer\n"
	       "::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n"
	       "ff02::2 ip6-allrouters\nvm-other-and-longer\nnameserver 8.8.8.8\n"
	       "nameserver 8.8.4.4\ncdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\nvm-other-and-longer",
	       "cd /etc; cat hosts hostname resolv.conf machine-id; hostname");
	test_mismatch(&m, vm);
}

/* --- templates --- */

static void save_generic(const struct guest_files *files, struct guest_template *t)
{
	AUTO(guest_machine_done) struct guest_machine m;
	struct guest_vm *vm;

	TEST("a generic template is saved before any of its disks is there");
	guest_machine_init(&m, files, "generic", false);
	m.spec.unplugged = true;
	vm = guest_machine_begin(&m, VM_BOOT_INTO, t->ram_fd, -1);
	prepare(vm, (struct agent_prepare){.waiting = false}, NULL);
	CHECK(guest_vm_save(vm, t->state_fd));
}

/* The upper disk of `m` is the seed of the clones' afterwards. */
static void save_image(struct guest_machine *m, const struct guest_template *generic,
		       struct guest_template *t)
{
	char text[GUEST_TEXT];
	struct guest_vm *vm;
	struct err err;

	TEST("an image's template: disks that the generic one did not have, a command, a process "
	     "that waits");
	CHECK(fd_copy_sparse(generic->ram_fd, t->ram_fd, "RAM", &err) == 0);
	vm = guest_machine_begin(m, VM_RESTORE_INTO, t->ram_fd, generic->state_fd);
	CHECK(guest_vm_setup(vm, &m->spec, text));
	EXPECT(vm, 0, "", "true");
	prepare(vm, (struct agent_prepare){.waiting = true}, NULL);
	CHECK(guest_vm_save(vm, t->state_fd));
}

/* A clone with an upper disk of its own, named and numbered. */
static struct guest_vm *clone_start(struct guest_machine *m, const struct guest_files *files,
				    const char *seed, const struct guest_template *t,
				    unsigned number)
{
	AUTO_FREE char *name = xasprintf("clone-%u", number);
	char text[GUEST_TEXT] = "";
	struct guest_vm *vm;

	guest_machine_init(m, files, name, false);
	guest_copy(seed, m->upper);
	memset(m->spec.setup.machine_id, (int)number, sizeof(m->spec.setup.machine_id));
	vm = guest_machine_begin(m, VM_RESTORE, t->ram_fd, t->state_fd);
	CHECK(guest_vm_setup(vm, &m->spec, text));
	CHECK_STR(text, "");
	return vm;
}

/* --- what each clone has for itself --- */

static const struct {
	const char *what, *command;
} unique[] = {
	{"random bytes", "head -c 16 /dev/urandom | od -An -tx1"},
	{"a uuid of the kernel", "cat /proc/sys/kernel/random/uuid"},
	{"the boot id", "cat /proc/sys/kernel/random/boot_id"},
	{"the machine id", "cat /etc/machine-id"},
	{"where a program's stack is", "grep stack /proc/self/maps"},
	{"the name of a temporary file", "mktemp -u"},
};

static void check_unique(struct guest_vm *a, struct guest_vm *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(unique); i++) {
		AUTO_FREE char *first = xstrdup(guest_vm_output(a, unique[i].command));
		const char *second = guest_vm_output(b, unique[i].command);

		printf("# %s\n", unique[i].what);
		CHECK(first[0] != '\0' && second[0] != '\0' && strcmp(first, second) != 0);
	}
}

static int64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A time that the guest prints is as old as the way here is long, and that is short for one of
 * some hundred: the least age is how far its clock is behind ours, if negative ahead. */
static void on_time(void *ctx, struct view bytes)
{
	int64_t *least = ctx, now = wall_us();
	AUTO_FREE char *text = xstrndup(bytes.ptr, bytes.len);
	char *line = strrchr(text, '#');
	long long sec, usec;

	if (line && sscanf(line, "#%lld.%lld;", &sec, &usec) == 2 && strchr(line, ';'))
		*least = MIN(*least, now - (sec * 1000000 + usec));
}

static int64_t clock_behind(struct guest_vm *vm)
{
	int64_t least = INT64_MAX;
	struct guest_run run = {
		/* Nothing is forked: the agent passes on what was printed while the shell waits. */
		.command = "mkfifo /tmp/wait; exec 3<>/tmp/wait; for i in 1 2 3 4 5 6 7 8 9 10; do "
			   "for j in 1 2 3 4 5 6 7 8 9 10; do echo \"#$EPOCHREALTIME;\"; "
			   "read -t 0.02 x <&3; done; done",
		.seen = on_time,
		.ctx = &least,
	};

	guest_vm_run(vm, &run);
	guest_run_done(&run);
	printf("# behind by %lld us\n", (long long)least);
	return llabs(least);
}

static void test_clones(const struct guest_files *files, const char *seed,
			const struct guest_template *t)
{
	AUTO(guest_machine_done) struct guest_machine a, b;
	struct guest_vm *first = clone_start(&a, files, seed, t, 1);
	struct guest_vm *second = clone_start(&b, files, seed, t, 2);
	int64_t behind[2];
	uint64_t ms;

	TEST("two clones at once: nothing that must be unique is the same, from the first command "
	     "on");
	check_unique(first, second);
	EXPECT(first, 0, "01010101010101010101010101010101\nvm-test\nvm-test",
	       "cat /etc/machine-id /etc/hostname; hostname");
	TEST("their clocks are the host's");
	/* A busy machine may take the CPU from one of them at the wrong time. */
	behind[0] = clock_behind(first);
	behind[1] = clock_behind(second);
	CHECK(MIN(behind[0], behind[1]) <= CLOCK_US);
	TEST("each has a disk of its own");
	EXPECT(first, 0, "", "echo first >/root/who; sync");
	EXPECT(second, 0, "no", "cat /root/who 2>/dev/null || echo no");
	TEST("a clone ends in order");
	CHECK(guest_vm_stop(first, 2000, &ms));
	guest_vm_kill(second);
}

/* --- how long it takes --- */

struct times {
	double set_up, command, start, run; /* ms; the last two as the guest says */
};

static struct times measure(const struct guest_files *files, const char *seed,
			    const struct guest_template *t, const char *cwd)
{
	AUTO(guest_machine_done) struct guest_machine m;
	struct guest_run run = {.command = "true", .cwd = cwd};
	uint64_t from = clock_monotonic_ns(), set_up, end;
	struct guest_vm *vm = clone_start(&m, files, seed, t, 3);
	struct times times;

	set_up = clock_monotonic_ns();
	guest_vm_run(vm, &run);
	end = clock_monotonic_ns();
	CHECK(run.exited && run.code == 0);
	times = (struct times){(double)(set_up - from) / 1e6, (double)(end - set_up) / 1e6,
			       run.start_us / 1e3, run.run_us / 1e3};
	guest_run_done(&run);
	guest_vm_kill(vm);
	return times;
}

static int compare(const void *a, const void *b)
{
	const struct times *x = a, *y = b;

	return (x->command > y->command) - (x->command < y->command);
}

static void test_times(const struct guest_files *files, const char *seed,
		       const struct guest_template *t)
{
	/* The process was made for no directory: another one means fork. */
	static const char *const ways[] = {"", "/"};
	struct times times[ARRAY_SIZE(ways)][ROUNDS];

	TEST("a command in a fresh clone, through the process that waits and by fork");
	for (unsigned i = 0; i < ROUNDS * ARRAY_SIZE(ways); i++)
		times[i % 2][i / 2] = measure(files, seed, t, ways[i % 2]);
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		const struct times *median = &times[i][ROUNDS / 2];

		qsort(times[i], ROUNDS, sizeof(times[i][0]), compare);
		printf("# %s: restored and set up %.1f ms, command %.1f ms [%.1f..%.1f] (start "
		       "%.1f, run %.1f)\n",
		       i ? "fork" : "waiting", median->set_up, median->command, times[i][0].command,
		       times[i][ROUNDS - 1].command, median->start, median->run);
	}
}

int main(int argc, char **argv)
{
	const struct guest_files files = guest_files_of(argc, argv);
	AUTO(guest_template_done) struct guest_template generic = guest_template_new();
	AUTO(guest_template_done) struct guest_template image = guest_template_new();
	AUTO(guest_machine_done) struct guest_machine seed;

	guest_machine_init(&seed, &files, "seed", false);
	test_live(&files);
	save_generic(&files, &generic);
	save_image(&seed, &generic, &image);
	test_clones(&files, seed.upper, &image);
	test_times(&files, seed.upper, &image);
	return tap_done();
}
