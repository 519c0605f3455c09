// SPDX-License-Identifier: MIT
/*
 * Chooses the accelerator by measuring it.
 *
 * Happy path: the result of this boot is in `cache_dir`/accel and is returned.  Else a child makes
 * a virtual machine of one page by /dev/kvm, runs a short loop in it and takes the time; the parent
 * measures the time stamp counter meanwhile.  Whatever fails, stalls or is slow means TCG, with the
 * reason in words.  Only what was measured is kept: a probe that timed out (a busy host, say) is
 * tried again next time, and a cache is void once /dev/kvm has become accessible or ceased to be.
 */
#include "vmm/accel.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "vmm/kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum {
	PROBE_DEADLINE_MS = 20, /* in which real hardware is through ten times over */
	TSC_WINDOW_MS = 100,
	TSC_KHZ_MIN = 100 * 1000,
	TSC_KHZ_MAX = 20 * 1000 * 1000,
	CACHE_FILE_MAX = 512,
};

static const char *const accel_names[] = {
	[ACCEL_AUTO] = "auto",
	[ACCEL_KVM] = "kvm",
	[ACCEL_TCG] = "tcg",
};

const char *accel_name(enum accel accel)
{
	return accel_names[accel];
}

int accel_parse(const char *name, enum accel *ret_accel, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(accel_names); i++) {
		if (strcmp(name, accel_names[i]) != 0)
			continue;
		*ret_accel = (enum accel)i;
		return 0;
	}
	return err_set(err, ERR_INVALID, "'%s' is no accelerator: use auto, kvm or tcg", name);
}

#if defined(__x86_64__)
/* The counter and the clock at the same moment: of several tries the one that took least. */
static uint64_t read_tsc(uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX, tsc = 0;

	for (int i = 0; i < 8; i++) {
		struct timespec now;
		uint64_t before = __rdtsc(), after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &now);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		tsc = before + best / 2;
		*ret_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	}
	return tsc;
}

static unsigned measure_tsc(void)
{
	const struct timespec window = {.tv_nsec = TSC_WINDOW_MS * 1000000};
	uint64_t ns0, ns1, tsc0, tsc1, khz;

	tsc0 = read_tsc(&ns0);
	nanosleep(&window, NULL); /* interrupted: a shorter window */
	tsc1 = read_tsc(&ns1);
	khz = (uint64_t)((double)(tsc1 - tsc0) * 1e6 / (double)(ns1 - ns0) + 0.5);
	return khz >= TSC_KHZ_MIN && khz <= TSC_KHZ_MAX ? (unsigned)khz : 0;
}
#else
static unsigned measure_tsc(void)
{
	return 0;
}
#endif

/* Fills the accelerator and the reason.  True if the result was measured. */
static bool probe_kvm(struct accel_probe *probe, struct err *err, int *ret_rc)
{
	struct kvm_probe_result result = {0};
	struct err why;

	*ret_rc = 0;
	probe->accel = ACCEL_TCG;
	if (proc_call(kvm_probe, NULL, PROBE_DEADLINE_MS, &result, sizeof(result), &why) == 0) {
		probe->accel = result.fast ? ACCEL_KVM : ACCEL_TCG;
		snprintf(probe->reason, sizeof(probe->reason), "%s", result.reason);
		return true;
	}
	if (why.code == ERR_TIMEOUT) {
		snprintf(probe->reason, sizeof(probe->reason),
			 "/dev/kvm did not run a short loop within %d ms", PROBE_DEADLINE_MS);
	} else if (why.sys == 0) {
		snprintf(probe->reason, sizeof(probe->reason), "the test of /dev/kvm crashed");
	} else {
		*err = why;
		*ret_rc = -1;
	}
	return false;
}

/* Why /dev/kvm cannot be opened, or NULL if it can. */
static const char *kvm_closed(void)
{
	AUTO_FD int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return NULL;
	if (errno == EACCES || errno == EPERM)
		return "no permission for /dev/kvm: add the user to the group 'kvm'";
	return "this host has no /dev/kvm (no hardware virtualisation, or its module is not "
	       "loaded)";
}

static int read_boot_id(struct buf *ret_id, struct err *err)
{
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", ret_id, err) < 0)
		return -1;
	while (ret_id->len > 0 && ret_id->ptr[ret_id->len - 1] == '\n')
		ret_id->ptr[--ret_id->len] = '\0';
	return 0;
}

/* Takes the next line off `text`; NULL when there is no whole one. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* The file: version and boot id, accelerator, kHz, reason; a line each.  Anything else, older or of
 * another boot is no result. */
static bool cache_parse(char *text, const char *head, struct accel_probe *ret_probe)
{
	struct accel_probe probe = {0};
	const char *found = next_line(&text);
	const char *name = found ? next_line(&text) : NULL;
	const char *khz = name ? next_line(&text) : NULL;
	const char *reason = khz ? next_line(&text) : NULL;
	unsigned long rate;
	struct err ignored;
	char *end;

	if (!reason || *text || strcmp(found, head) != 0)
		return false;
	if (accel_parse(name, &probe.accel, &ignored) < 0 || probe.accel == ACCEL_AUTO)
		return false;
	if ((probe.accel == ACCEL_KVM) != (*reason == '\0') ||
	    strlen(reason) >= sizeof(probe.reason))
		return false;
	rate = strtoul(khz, &end, 10);
	if (*khz < '0' || *khz > '9' || *end || rate > TSC_KHZ_MAX || (rate && rate < TSC_KHZ_MIN))
		return false;
	probe.tsc_khz = (unsigned)rate;
	snprintf(probe.reason, sizeof(probe.reason), "%s", reason);
	*ret_probe = probe;
	return true;
}

static bool cache_read(const char *path, const char *head, struct accel_probe *ret_probe)
{
	AUTO_BUF struct buf text = BUF_INIT(CACHE_FILE_MAX);
	struct err ignored;

	return fd_read_file(AT_FDCWD, path, &text, &ignored) == 0 && strlen(text.ptr) == text.len &&
	       cache_parse(text.ptr, head, ret_probe);
}

static void cache_write(const char *dir, const char *path, const char *head,
			const struct accel_probe *probe)
{
	AUTO_BUF struct buf text = BUF_INIT(CACHE_FILE_MAX);
	struct err ignored;

	buf_printf(&text, "%s\n%s\n%u\n%s\n", head, accel_name(probe->accel), probe->tsc_khz,
		   probe->reason);
	if (buf_check(&text, path, &ignored) < 0 || path_mkdirs(dir, 0700, &ignored) < 0)
		return;
	(void)fd_write_file(AT_FDCWD, path, text.ptr, text.len, 0600, &ignored);
}

int accel_probe(const char *cache_dir, struct accel_probe *ret_probe, struct err *err)
{
	AUTO_FREE char *path = path_join(cache_dir, "accel");
	AUTO_BUF struct buf id = BUF_INIT(64);
	AUTO_FREE char *head = NULL;
	struct accel_probe probe = {.accel = ACCEL_TCG};
	const char *closed = kvm_closed();
	bool keep = true;
	int rc = 0;

	if (read_boot_id(&id, err) < 0)
		return err_wrap(err, "choose an accelerator");
	head = xasprintf("1 %s %s", id.ptr, closed ? "closed" : "open");
	if (cache_read(path, head, ret_probe))
		return 0;
	if (closed)
		snprintf(probe.reason, sizeof(probe.reason), "%s", closed);
	else
		keep = probe_kvm(&probe, err, &rc);
	if (rc < 0)
		return err_wrap(err, "choose an accelerator");
	probe.tsc_khz = measure_tsc();
	if (keep)
		cache_write(cache_dir, path, head, &probe);
	*ret_probe = probe;
	return 0;
}
