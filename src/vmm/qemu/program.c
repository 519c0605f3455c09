// SPDX-License-Identifier: MIT
/*
 * QEMU's program and its fingerprint.
 *
 * The fingerprint must differ wherever a saved VM would load and misbehave, and is made at every
 * start, so it is a few system calls: the program is known by its file's identity and times, not by
 * its content; the machine by the command line that a template of it is booted with, without what
 * may differ between template and clone (disks behind the slots, the TAP behind the card, rates
 * that are measured anew at each boot of the host); under KVM the host's processor and kernel as
 * well, for the guest sees them.
 */
#include "vmm/qemu/program.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/proc.h"
#include "base/strv.h"
#include "vmm/qemu/args.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { CPUINFO_MAX = 16 * 1024 };

/* Under KVM the smaller build of the same package, if it is there: it starts in half the time. */
int qemu_find(enum accel accel, char **ret_path, struct err *err)
{
	AUTO_FREE char *found = NULL;

	if ((accel != ACCEL_KVM || proc_find("qemu-system-x86_64-microvm", &found, err) < 0) &&
	    proc_find("qemu-system-x86_64", &found, err) < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "qemu-system-x86_64 is not installed: apt-get install "
			       "qemu-system-x86");
	*ret_path = realpath(found, NULL);
	if (!*ret_path)
		return err_sys(err, errno, "find '%s'", found);
	return 0;
}

static void add_time(struct buf *text, const struct timespec *time)
{
	buf_printf(text, " %jd.%09ld", (intmax_t)time->tv_sec, time->tv_nsec);
}

/* What the guest sees of the host's processor, of the first one; not its momentary speed. */
static int add_processor(struct buf *text, struct err *err)
{
	static const char *const keys[] = {"vendor_id", "cpu family", "model",
					   "stepping",	"microcode",  "flags"};
	AUTO_FD int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	char info[CPUINFO_MAX];
	ssize_t len = fd < 0 ? -1 : read(fd, info, sizeof(info) - 1);
	struct utsname host;

	if (len < 0 || uname(&host) < 0)
		return err_sys(err, errno, "read '/proc/cpuinfo'");
	info[len] = '\0';
	for (char *line = info, *next; *line && *line != '\n'; line = next) {
		size_t size = strcspn(line, "\n");

		next = line + size + (line[size] == '\n');
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			size_t key = strlen(keys[i]);

			if (strncmp(line, keys[i], key) == 0 && strchr("\t :", line[key]))
				buf_printf(text, "%.*s\n", (int)size, line);
		}
	}
	buf_printf(text, "host %s\n", host.release);
	return 0;
}

int qemu_fingerprint(const struct vm_spec *spec, struct buf *text, struct err *err)
{
	const struct vm_spec booted = {.begin = VM_BOOT_INTO,
				       .accel = spec->accel,
				       .cpus = spec->cpus,
				       .memory_mb = spec->memory_mb,
				       .slots = spec->slots,
				       .net_fd = -1};
	AUTO(auto_strv) char **args = NULL;
	AUTO_FREE char *program = NULL;
	struct stat st;

	if (qemu_find(spec->accel, &program, err) < 0)
		return -1;
	if (stat(program, &st) < 0)
		return err_sys(err, errno, "stat '%s'", program);
	buf_printf(text, "%ju %jd", (uintmax_t)st.st_ino, (intmax_t)st.st_size);
	add_time(text, &st.st_mtim);
	add_time(text, &st.st_ctim);
	buf_printf(text, "\n");
	args = qemu_args(program, &booted);
	for (size_t i = 0; args[i]; i++)
		buf_printf(text, "%s\n", args[i]);
	if (spec->accel == ACCEL_KVM && add_processor(text, err) < 0)
		return -1;
	return buf_check(text, "fingerprint of QEMU", err);
}
