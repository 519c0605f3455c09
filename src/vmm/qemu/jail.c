// SPDX-License-Identifier: MIT
/*
 * QEMU's jail: see jail.h.  Two tables and the code that picks from them.
 *
 * The root holds what the dynamic linker and QEMU load: libraries, firmware, the program.  The
 * seccomp table denies, since QEMU and its 50 libraries are too large for a list of what they need:
 * it takes away whole families of the kernel that a machine emulator never uses.  What an honest
 * QEMU or C library may try and do without gets an error; for the rest the process ends.
 */
#include "vmm/qemu/jail.h"

#include "base/attr.h"
#include "base/confine_calls.h"
#include "vmm/qemu/args.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <sys/prctl.h>

static const struct confine_path system_paths[] = {
	CONFINE_LIBRARIES,
	{"/usr/share/qemu", CONFINE_OPTIONAL},
	{"/usr/share/seabios", CONFINE_OPTIONAL},
	{"/usr/local/share/qemu", CONFINE_OPTIONAL},
};

static const struct confine_path kvm_device = {"/dev/kvm", CONFINE_DEVICE};

#define NOTIFY(call, flags_at)                                                                    \
	{                                                                                         \
		(call), CONFINE_NOTIFY, CONFINE_IF_FIELD, (flags_at), O_ACCMODE | O_CREAT, O_RDWR \
	}
/* The kernel takes the lower half of such an argument, so that alone counts here. */
#define ARGUMENT_IS(call, arg, number)                                                         \
	{                                                                                      \
		(call), CONFINE_EPERM, CONFINE_IF_FIELD, (arg), UINT32_MAX, (uint32_t)(number) \
	}
#define NO_IOCTL(number) ARGUMENT_IS("ioctl", 1, number)
/* `count` of them, a power of two that divides `first`, whatever they say of their argument. */
#define NO_IOCTLS(first, count)                                                             \
	{                                                                                   \
		"ioctl", CONFINE_EPERM, CONFINE_IF_FIELD, 1, 0xffff & ~((count)-1), (first) \
	}
#define NO_TUN_IOCTLS(first, count) NO_IOCTLS('T' << 8 | (first), count)

static const struct confine_call denied_calls[] = {
	/* it may not outlive its supervisor */
	ARGUMENT_IS("prctl", 0, PR_SET_PDEATHSIG),
	CALL_EPERM("personality"),
	/* files: everything it needs is open or read-only */
	NO_IOCTL(FS_IOC_SETFLAGS),
	NO_IOCTL(FS_IOC_FSSETXATTR),
	NO_IOCTL(FS_IOC_ENABLE_VERITY),
	/* sockets: it has the two that it needs */
	CALL_EPERM("socket"),
	CALL_EPERM("connect"),
	CALL_EPERM("bind"),
	/* The TAP: nothing but its offloads, buffer and header size, whose numbers are left out of
	 * these ranges.  Above all no way to its network namespace. */
	NO_TUN_IOCTLS(200, 8),	/* up to TUNGETFEATURES */
	NO_TUN_IOCTLS(209, 1),	/* TUNSETTXFILTER */
	NO_TUN_IOCTLS(211, 1),	/* TUNGETSNDBUF */
	NO_TUN_IOCTLS(213, 1),	/* TUNATTACHFILTER */
	NO_TUN_IOCTLS(214, 1),	/* TUNDETACHFILTER */
	NO_TUN_IOCTLS(217, 1),	/* TUNSETQUEUE */
	NO_TUN_IOCTLS(218, 2),	/* and TUNGETFILTER */
	NO_TUN_IOCTLS(220, 4),	/* byte orders */
	NO_TUN_IOCTLS(224, 32), /* TUNGETDEVNETNS among them, and what is to come */
	NO_IOCTLS(0x8900, 256), /* of sockets; SIOCGSKNS works on a TAP, too */
	/* Only with RAM in a file, which QEMU opens by a path and always for writing. */
	NOTIFY("open", 1),
	NOTIFY("openat", 2),
};

enum { RAM_FILE_CALLS = 2 };

void qemu_jail_init(struct qemu_jail *jail, const char *program, const struct vm_spec *spec)
{
	bool boots = spec->begin == VM_BOOT || spec->begin == VM_BOOT_INTO;
	size_t count = 0;

	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	if (spec->accel == ACCEL_KVM)
		jail->paths[count++] = kvm_device;
	assert(count <= QEMU_JAIL_PATHS_MAX);
	jail->files[0] = (struct confine_file){QEMU_KERNEL_PATH, spec->kernel_fd};
	jail->files[1] = (struct confine_file){QEMU_INITRAMFS_PATH, spec->initramfs_fd};
	jail->spec =
		(struct confine_spec){.paths = jail->paths,
				      .path_count = count,
				      .files = jail->files,
				      .file_count = boots ? QEMU_JAIL_FILES : 0,
				      .common_calls = true,
				      .calls = denied_calls,
				      .call_count = ARRAY_SIZE(denied_calls) -
						    (spec->begin == VM_BOOT ? RAM_FILE_CALLS : 0)};
}
