// SPDX-License-Identifier: MIT
/* The programs that run a sandbox, and the files that belong to ours. */
#include "setup/checks_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "sandbox/boot_files.h"
#include "vmm/accel.h"
#include "vmm/qemu/program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FIX_INSTALL "make install, or: sudo apt-get install --reinstall matchlock"

enum {
	VERSION_MS = 20000,
	VERSION_MAX = 4096,
	BZIMAGE_MAGIC_AT = 0x202, /* "HdrS": the kernel's x86 boot protocol */
	MAGIC_SIZE = 4,
};

void check_qemu(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO_BUF struct buf version = BUF_INIT(VERSION_MAX);
	AUTO_FREE char *program = NULL;
	AUTO(auto_strv) char **argv = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err;

	if (qemu_find(ACCEL_TCG, &program, &err) < 0) {
		check_set(result, CHECK_FAIL, FIX_SETUP, "%s", err.msg);
		return;
	}
	strv_add(&argv, program);
	strv_add(&argv, "--version");
	spec.argv = argv;
	if (proc_run_io(&spec, VIEW_LIT(""), &version, VERSION_MS, &err) < 0) {
		check_set(result, CHECK_FAIL, "sudo apt-get install --reinstall qemu-system-x86",
			  "%s", err.msg);
		return;
	}
	check_set(result, CHECK_PASS, NULL, "%s: %.*s", program, (int)strcspn(version.ptr, "\n"),
		  version.ptr);
}

void check_mke2fs(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO_FREE char *path = NULL;
	struct err err;

	if (proc_find("mke2fs", &path, &err) == 0)
		check_set(result, CHECK_PASS, NULL, "%s makes disks of any size", path);
	else
		check_set(result, CHECK_WARN, FIX_SETUP,
			  "mke2fs is not installed: --disk-size works with its default only");
}

void check_accelerator(const struct subject *subject, struct check_result *result)
{
	struct accel_probe probe;
	struct err err;

	if (accel_probe(subject->cache_home, &probe, &err) < 0)
		check_set(result, CHECK_WARN, NULL, "%s", err.msg);
	else if (probe.accel == ACCEL_KVM)
		check_set(result, CHECK_PASS, NULL, "KVM, measured: it runs at full speed");
	else
		check_set(
			result, CHECK_WARN, NULL,
			"software emulation (%s): slower, and QEMU's developers promise isolation "
			"with hardware virtualisation only, so what protects the host is "
			"QEMU's jail",
			probe.reason);
}

/* Earlier releases needed them. */
void check_binary_capabilities(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO_FREE char *binary = realpath("/proc/self/exe", NULL);
	AUTO_FREE char *fix = xasprintf("sudo setcap -r %s", binary ? binary : "matchlock");

	if (binary && getxattr(binary, "security.capability", NULL, 0) > 0)
		check_set(result, CHECK_WARN, fix, "%s has capabilities that it does not need",
			  binary);
	else
		check_set(result, CHECK_PASS, NULL, "none are needed, and it has none");
}

static bool is_kernel(int fd)
{
	char magic[MAGIC_SIZE];

	if (pread(fd, magic, MAGIC_SIZE, 0) == MAGIC_SIZE &&
	    memcmp(magic, "\177ELF", MAGIC_SIZE) == 0)
		return true;
	return pread(fd, magic, MAGIC_SIZE, BZIMAGE_MAGIC_AT) == MAGIC_SIZE &&
	       memcmp(magic, "HdrS", MAGIC_SIZE) == 0;
}

void check_kernel(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO(boot_files_close) struct boot_files files = BOOT_FILES_NONE;
	const char *override = getenv("MATCHLOCK_KERNEL");
	bool is_ours = !override || !*override;
	const char *fix = is_ours ? FIX_INSTALL : "unset MATCHLOCK_KERNEL";
	struct err err;

	if (boot_files_open(&files, &err) < 0)
		check_set(result, CHECK_FAIL, fix, "%s", err.msg);
	else if (!is_kernel(files.kernel_fd))
		check_set(result, CHECK_FAIL, fix, "%s is no kernel (ELF or bzImage)",
			  is_ours ? "the kernel that is installed" : override);
	else
		check_set(result, CHECK_PASS, NULL, "%s and its initramfs can be read",
			  is_ours ? "the kernel that is installed" : override);
}

void check_artefacts(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	static const struct {
		int (*find)(const char *name, char **ret_path, struct err *err);
		const char *name;
		int mode;
	} files[] = {
		{path_artefact, "modules.erofs", R_OK}, {path_artefact, "base.erofs", R_OK},
		{path_artefact, "base.json", R_OK},	{path_artefact, "upper.ext4", R_OK},
		{path_helper, "image-worker", X_OK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO_FREE char *path = NULL;
		struct err err;

		if (files[i].find(files[i].name, &path, &err) == 0 &&
		    access(path, files[i].mode) == 0)
			continue;
		if (path)
			check_set(result, CHECK_FAIL, FIX_INSTALL, "%s: %s", path, strerror(errno));
		else
			check_set(result, CHECK_FAIL, FIX_INSTALL, "%s", err.msg);
		return;
	}
	check_set(result, CHECK_PASS, NULL, "what belongs to the program is beside it");
}
