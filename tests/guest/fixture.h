// SPDX-License-Identifier: MIT
/* What the tests of guest-init have in common: their files, their usual VM, commands and what they
 * must give. */
#pragma once

#include "guest_vm.h"

struct guest_files {
	const char *kernel, *initramfs, *upper, *base, *modules, *program, *dir;
};

enum { GUEST_DISKS_MAX = 6 };

/* A spec with what it points to. */
struct guest_machine {
	char *console, *upper, *data;
	char *dns[3], *hosts[2];
	struct guest_disk disks[GUEST_DISKS_MAX];
	struct guest_vm_spec spec;
};

/* The command line of such a test; ends it with a usage line if it is another. */
struct guest_files guest_files_of(int argc, char **argv);

/* A copy with its holes. */
void guest_copy(const char *from, const char *to);

/* A machine whose own files are files->dir/NAME.*, and its fresh disks; a privileged one has a
 * second layer (the tree of the modules), a disk that it does not use and a data disk. */
void guest_machine_init(struct guest_machine *machine, const struct guest_files *files,
			const char *name, bool privileged);
void guest_machine_done(struct guest_machine *machine);

/* A VM saved, in files without a name. */
struct guest_template {
	int ram_fd, state_fd;
};
struct guest_template guest_template_new(void);
void guest_template_done(struct guest_template *t);

/* Begins such a machine with the slots of a template. */
struct guest_vm *guest_machine_begin(struct guest_machine *m, enum vm_begin how, int ram_fd,
				     int state_fd);

/* Boots such a machine and sets it up. */
struct guest_vm *guest_boot(const struct guest_files *files, bool privileged, uint64_t quota_us);

/* Runs `run` and checks its whole output (both channels; ends trimmed) and exit code. */
void guest_expect(struct guest_vm *vm, struct guest_run run, unsigned code, const char *output);

#define EXPECT(vm, code, output, ...) \
	guest_expect(vm, (struct guest_run){.command = __VA_ARGS__}, code, output)
