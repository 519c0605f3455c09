// SPDX-License-Identifier: MIT
/* Common parts of the tests of guest-init: see fixture.h. */
#include "fixture.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_DISKS = 3, SLOTS = 6 };

struct guest_files guest_files_of(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: %s KERNEL INITRAMFS UPPER BASE MODULES PROGRAM DIR\n",
			argv[0]);
		exit(1);
	}
	return (struct guest_files){argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7]};
}

void guest_copy(const char *from, const char *to)
{
	AUTO_FD int from_fd = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_FD int to_fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct err err;

	if (from_fd < 0 || to_fd < 0 || fd_copy_sparse(from_fd, to_fd, to, &err) < 0) {
		printf("Bail out! copy of '%s'\n", from);
		exit(1);
	}
}

void guest_machine_init(struct guest_machine *m, const struct guest_files *files, const char *name,
			bool privileged)
{
	*m = (struct guest_machine){
		.console = xasprintf("%s/%s.console", files->dir, name),
		.upper = xasprintf("%s/%s.upper.ext4", files->dir, name),
		.data = xasprintf("%s/%s.data.ext4", files->dir, name),
		.dns = {(char *)"8.8.8.8", (char *)"8.8.4.4"},
		.hosts = {(char *)"10.0.0.10 api.internal"},
	};
	memcpy(m->disks,
	       (struct guest_disk[GUEST_DISKS_MAX]){
		       {m->upper, {AGENT_DISK_UPPER, false, NULL}},
		       {files->base, {AGENT_DISK_LAYER, true, NULL}},
		       {files->modules, {AGENT_DISK_MODULES, true, NULL}},
		       {files->base, {AGENT_DISK_UNUSED, true, NULL}},
		       {files->modules, {AGENT_DISK_LAYER, true, NULL}},
		       {m->data, {AGENT_DISK_DATA, false, (char *)"/srv/new/data"}},
	       },
	       sizeof(m->disks));
	m->spec = (struct guest_vm_spec){
		.kernel = files->kernel,
		.initramfs = files->initramfs,
		.console = m->console,
		.cache_dir = files->dir,
		.disks = m->disks,
		.disk_count = privileged ? GUEST_DISKS_MAX : SMALL_DISKS,
		.ram_fd = -1,
		.state_fd = -1,
		.net_fd = -1,
		.setup = {.hostname = (char *)"vm-test",
			  .dns = m->dns,
			  .hosts = m->hosts,
			  .privileged = privileged},
	};
	memset(m->spec.setup.machine_id, 0xab, sizeof(m->spec.setup.machine_id));
	guest_copy(files->upper, m->upper);
	if (privileged)
		guest_copy(files->upper, m->data);
}

void guest_machine_done(struct guest_machine *m)
{
	free(m->console);
	free(m->upper);
	free(m->data);
}

struct guest_template guest_template_new(void)
{
	char ram[] = "/tmp/guest-template-XXXXXX", state[] = "/tmp/guest-template-XXXXXX";
	struct guest_template t = {mkostemp(ram, O_CLOEXEC), mkostemp(state, O_CLOEXEC)};

	unlink(ram);
	unlink(state);
	if (t.ram_fd < 0 || t.state_fd < 0 || ftruncate(t.ram_fd, (off_t)GUEST_VM_MB << 20) < 0) {
		printf("Bail out! no room for a template in /tmp\n");
		exit(1);
	}
	return t;
}

void guest_template_done(struct guest_template *t)
{
	close(t->ram_fd);
	close(t->state_fd);
}

struct guest_vm *guest_machine_begin(struct guest_machine *m, enum vm_begin how, int ram_fd,
				     int state_fd)
{
	m->spec.begin = how;
	m->spec.ram_fd = ram_fd;
	m->spec.state_fd = state_fd;
	m->spec.slots = SLOTS;
	return guest_vm_begin(&m->spec);
}

struct guest_vm *guest_boot(const struct guest_files *files, bool privileged, uint64_t quota_us)
{
	AUTO(guest_machine_done) struct guest_machine machine;
	char text[GUEST_TEXT];
	struct guest_vm *vm;

	guest_machine_init(&machine, files, "vm", privileged);
	machine.spec.setup.cpu_quota_us = quota_us;
	if (!guest_vm_start(&machine.spec, &vm, text)) {
		printf("Bail out! set-up: %s\n", text);
		exit(1);
	}
	return vm;
}

void guest_expect(struct guest_vm *vm, struct guest_run run, unsigned code, const char *output)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	guest_vm_run(vm, &run);
	text = xasprintf("%s%s%s", run.failed ? run.text : "", run.out.ptr, run.err.ptr);
	len = strlen(text);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	CHECK_STR(text, output);
	if (run.code != code)
		printf("# exit code %u\n", run.code);
	CHECK(run.code == code);
	CHECK(run.failed || run.exited);
	guest_run_done(&run);
}
