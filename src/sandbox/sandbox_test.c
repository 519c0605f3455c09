// SPDX-License-Identifier: MIT
/*
 * A whole sandbox without a VM: a fake VMM forks a process that plays the guest's agent, and plays
 * it badly.  Whatever it does, the sandbox must end, with a reason, in time and without a leak.
 *
 * The program runs itself again from a scratch directory that looks like an installation.
 */
#include "sandbox/sandbox.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/tap.h"
#include "sandbox/relay.h"
#include "sandbox/test_guests.h"
#include "state/state.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, GRACE_MS = 300 };

/* --- the VMM that runs it --- */

struct vm {
	struct proc proc;
};

static guest_fn *next_guest;
static int starts;

static int fake_start(const struct vm_spec *spec, struct vm **ret_vm, struct err *err)
{
	struct vm *vm = xcalloc(1, sizeof(*vm));
	int fds[] = {spec->channel_fd, spec->console_fd};
	pid_t pid;

	starts++;
	/* A KVM that was chosen by measuring and fails all the same. */
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_DFL);
		dup2(fds[0], 0);
		dup2(fds[1], 1);
		close_range(3, ~0u, 0);
		(spec->accel == ACCEL_KVM ? guest_dies : next_guest)(0, 1);
		_exit(0);
	}
	vm->proc = (struct proc){pid, pidfd_open(pid, 0)};
	*ret_vm = vm;
	return pid > 0 ? 0 : err_set(err, ERR_IO, "fork");
}

static int fake_exit_fd(const struct vm *vm)
{
	return vm->proc.pidfd;
}

static bool fake_describe_exit(struct vm *vm, char *ret_text, size_t size)
{
	struct err err;
	int status = 0;

	CHECK(proc_peek(&vm->proc, &status, &err) == 0);
	proc_describe(status, ret_text, size);
	return status == 0;
}

static int fake_pid(const struct vm *vm)
{
	return vm->proc.pid;
}

static void fake_free(struct vm *vm)
{
	if (vm)
		proc_kill(&vm->proc);
	free(vm);
}

static const struct vmm_ops vmm_fake = {.name = "fake",
					.start = fake_start,
					.exit_fd = fake_exit_fd,
					.describe_exit = fake_describe_exit,
					.pid = fake_pid,
					.free = fake_free};

/* --- the owner: as cmd_run does it --- */

struct owner {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct sandbox *sandbox;
	struct relay *relay;
	int out[2];
	bool ready, late, has_result, ended;
	struct session_result result;
	struct err why;
};

static void on_command_ended(void *ctx, const struct session_result *result)
{
	struct owner *o = ctx;

	o->has_result = true;
	o->result = *result;
	if (result->lost)
		return;
	relay_close(STEAL(o->relay));
	sandbox_stop(o->sandbox);
}

static void on_ready(void *ctx)
{
	struct owner *o = ctx;
	char *argv[] = {(char *)"x", NULL};
	struct agent_exec exec = {.argv = argv, .command = argv[0], .cwd = argv[0]};
	struct relay_io io = {-1, o->out[1], o->out[1], NULL};
	struct err err;

	o->ready = true;
	CHECK(relay_open(&o->loop, sandbox_mux(o->sandbox), &exec, &io, on_command_ended, o,
			 &o->relay, &err) == 0);
}

static void on_ended(void *ctx, const struct err *why)
{
	struct owner *o = ctx;

	o->ended = true;
	o->why = *why;
	relay_close(STEAL(o->relay));
	uv_stop(&o->loop);
}

static void on_deadline(uv_timer_t *timer)
{
	struct owner *o = timer->data;

	o->late = true;
	relay_close(STEAL(o->relay));
	sandbox_stop(o->sandbox);
}

static void run_loop(struct owner *o, uint64_t deadline_ms)
{
	uv_timer_init(&o->loop, &o->deadline);
	o->deadline.data = o;
	uv_timer_start(&o->deadline, on_deadline, deadline_ms, 0);
	uv_run(&o->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&o->deadline, NULL);
}

/* One life of a sandbox with that guest.  `home` is where its state is. */
static struct owner play(guest_fn *guest, const char *home, uint64_t deadline_ms)
{
	struct owner o = {.late = false};
	AUTO(auto_state) struct state *state = NULL;
	AUTO(sandbox_spec_done) struct sandbox_spec spec;
	const struct sandbox_owner owner = {on_ready, on_ended, &o};
	struct sandbox_host host = {&o.loop, NULL, home, home, &vmm_fake};
	AUTO_FREE char *layer = path_join(home, "layer");
	char *layers[] = {layer, NULL};
	struct sandbox_request request = {.spec = &spec,
					  .layers = layers,
					  .accel = ACCEL_AUTO,
					  .remove = true,
					  .no_template = true};
	struct err err = {0};

	next_guest = guest;
	starts = 0;
	uv_loop_init(&o.loop);
	CHECK(pipe2(o.out, O_CLOEXEC) == 0);
	CHECK(state_open(home, &state, &err) == 0);
	host.state = state;
	sandbox_spec_init(&spec);
	spec.no_network = true;
	spec.disk_size_mb = 1;
	CHECK(sandbox_create(&host, &request, &owner, &o.sandbox, &err) == 0);
	CHECK(sandbox_start(o.sandbox, &err) == 0);
	run_loop(&o, deadline_ms);
	CHECK(sandbox_close(STEAL(o.sandbox), &err) == 0);
	CHECK_STR(err.msg, "");
	while (uv_run(&o.loop, UV_RUN_DEFAULT) != 0)
		;
	CHECK(uv_loop_close(&o.loop) == 0);
	CHECK(o.ended);
	close(o.out[0]);
	close(o.out[1]);
	return o;
}

/* The sandbox ends in time, with this reason. */
static void expect_end(guest_fn *guest, const char *home, const char *reason)
{
	struct owner o = play(guest, home, DEADLINE_MS);

	CHECK(!o.late);
	if (!strstr(o.why.msg, reason))
		CHECK_STR(o.why.msg, reason);
}

static void test_starts(const char *home)
{
	struct owner o;

	TEST("a command's exit code arrives");
	o = play(guest_honest, home, DEADLINE_MS);
	CHECK(!o.late && o.ready && o.has_result && o.result.exit_code == 7);
	CHECK_STR(o.why.msg, "");

	TEST("a VM that ends before it is ready, a guest that refuses");
	expect_end(guest_dies, home, "the VM ended: exit status 3");
	expect_end(guest_refuses, home, "the guest could not be set up: no disk");
	expect_end(guest_is_silent, home, "gave the set-up up");
}

static void test_breaches(const char *home)
{
	struct owner o;

	TEST("noise, a stream opened by the guest, a second READY");
	expect_end(guest_garbage, home, "channel: ");
	expect_end(guest_opens, home, "may not open streams");
	expect_end(guest_repeats, home, "unexpected message");

	TEST("more output than there is credit for, to nobody who reads it");
	expect_end(guest_overruns, home, "more data than there is credit for");

	TEST("the guest hangs up while a command runs");
	expect_end(guest_hangs_up, home, "channel: closed by the peer");
	expect_end(guest_resets, home, "channel: read: Connection reset by peer");

	TEST("output and result that came before the connection broke are not lost");
	o = play(guest_finishes_and_resets, home, DEADLINE_MS);
	CHECK(!o.late && o.has_result && o.result.exit_code == 7 && o.result.err.code == ERR_NONE);

	TEST("a command that is given up without a result has failed");
	o = play(guest_abandons, home, DEADLINE_MS);
	CHECK(!o.late && o.has_result && o.result.exit_code == 1);
	CHECK_STR(o.result.err.msg, "the guest agent gave the command up without a result");

	TEST("a guest that says nothing more ends when it is told to");
	o = play(guest_ignores, home, GRACE_MS);
	CHECK(o.late && !o.has_result);
	CHECK_STR(o.why.msg, "");
}

static void test_last_words(const char *home)
{
	struct owner o;

	TEST("the reason has the last of many lines on the console");
	o = play(guest_panics, home, DEADLINE_MS);
	CHECK(!o.late);
	CHECK(strstr(o.why.msg, "| last words"));
}

static void test_kvm(const char *home)
{
	AUTO_FREE char *path = path_join(home, "accel"), *text = NULL;
	AUTO_BUF struct buf id = BUF_INIT(64);
	bool open = access("/dev/kvm", R_OK | W_OK) == 0;
	struct owner o;
	struct err err;

	TEST("KVM that fails although it was fast: once more, emulated");
	CHECK(fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &id, &err) == 0);
	text = xasprintf("1 %.36s %s\nkvm\n0\n\n", id.ptr, open ? "open" : "closed");
	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), 0600, &err) == 0);
	o = play(guest_honest, home, DEADLINE_MS);
	CHECK(!o.late && o.has_result && o.result.exit_code == 7);
	CHECK(starts == 2);
}

/* --- the installation --- */

static void make_file(const char *dir, const char *name, off_t size)
{
	AUTO_FREE char *path = path_join(dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0 || ftruncate(fd, size) < 0)
		abort();
}

/* DIR/bin with a copy of this program, DIR/lib/matchlock with what a start opens. */
static void install(const char *dir)
{
	static const char *const names[] = {"kernel", "initramfs", "modules.erofs"};
	AUTO_FREE char *bin = path_join(dir, "bin"), *lib = path_join(dir, "lib/matchlock");
	AUTO_FREE char *program = path_join(bin, "test");
	AUTO_FD int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD int copy = -1;
	struct err err;

	if (path_mkdirs(bin, 0700, &err) < 0 || path_mkdirs(lib, 0700, &err) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		make_file(lib, names[i], 4096);
	make_file(lib, "upper.ext4", 1024 * 1024);
	make_file(dir, "layer", 4096);
	copy = open(program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (copy < 0 || fd_copy_sparse(self, copy, "program", &err) < 0)
		abort();
}

static int run_installed(void)
{
	char dir[] = "/tmp/sandbox-test-XXXXXX";
	AUTO_FREE char *program = NULL;
	struct err err;
	int status = -1;
	pid_t pid;

	if (!mkdtemp(dir))
		abort();
	install(dir);
	program = path_join(dir, "bin/test");
	pid = fork();
	if (pid == 0) {
		execl(program, program, dir, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (path_remove_tree(dir, &err) < 0)
		printf("# %s\n", err.msg);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return run_installed();
	signal(SIGPIPE, SIG_IGN);
	test_starts(argv[1]);
	test_breaches(argv[1]);
	test_last_words(argv[1]);
	test_kvm(argv[1]);
	return tap_done();
}
