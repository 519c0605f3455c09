// SPDX-License-Identifier: MIT
/*
 * tap_jail ATTACK: a program (tests/tap_attack.c) in QEMU's jail and in QEMU's place, with QEMU's
 * TAP.  Run by root it does it twice: as root and as an ordinary user.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tap.h"
#include "net/net.h"
#include "net_tun.h"
#include "vmm/qemu/jail.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MTU = 1500, DEADLINE_MS = 10000 };

/* What the attack says when it runs with the TAP of `net`, in the jail or without; its status. */
static int run_attack(const char *attack, const struct net *net, bool jailed, struct buf *said)
{
	AUTO_FREE char *program = realpath(attack, NULL);
	const struct vm_spec vm = {
		.begin = VM_BOOT, .kernel_fd = net->tap_fd, .initramfs_fd = net->tap_fd};
	char *argv[] = {program, NULL};
	struct proc proc = PROC_INIT;
	struct proc_spec spec = PROC_SPEC_INIT;
	struct qemu_jail jail;
	struct err err = {0};
	int fds[2], status = -1;

	CHECK(program && pipe2(fds, O_CLOEXEC) == 0);
	qemu_jail_init(&jail, program, &vm);
	jail.spec.file_count = 0;
	spec.argv = argv;
	spec.stdout_fd = spec.stderr_fd = fds[1];
	spec.fds = &net->tap_fd;
	spec.fd_count = 1;
	if (jailed) {
		spec.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
				  CLONE_NEWPID | CLONE_NEWUTS;
		spec.confine = &jail.spec;
	}
	CHECK(proc_start(&spec, &proc, &err) == 0);
	close(fds[1]);
	CHECK(fd_read_to_end(fds[0], said, "attack", &err) == 0);
	CHECK(proc_wait(&proc, DEADLINE_MS, &status, &err) == 0);
	close(fds[0]);
	return status;
}

int main(int argc, char **argv)
{
	AUTO_BUF struct buf free_said = BUF_INIT(65536), jailed_said = BUF_INIT(65536);
	AUTO(net_close) struct net net = NET_INIT;
	struct err err;
	int status;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() == 0)
		run_as_tun_user(argc, argv);
	TEST("in QEMU's place nothing is to be had of the TAP, and no namespace to be entered");
	if (net_open(MTU, &net, &err) < 0) {
		SKIP(err.msg);
		return tap_done();
	}
	status = run_attack(argv[1], &net, true, &jailed_said);
	CHECK_STR(jailed_said.ptr, "tried\n");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	TEST("without the jail it is");
	run_attack(argv[1], &net, false, &free_said);
	CHECK(strstr(free_said.ptr, "not refused"));
	return tap_done();
}
