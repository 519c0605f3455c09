// SPDX-License-Identifier: MIT
#include "vmm/accel.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void write_text(const char *path, const char *text, size_t len)
{
	struct err err;

	CHECK(fd_write_file(AT_FDCWD, path, text, len, 0600, &err) == 0);
}

/* A cache with these bytes must not be believed. */
static void check_distrust(const char *dir, const char *path, const char *bytes, size_t len)
{
	struct accel_probe probe = {0};
	struct err err = {0};

	write_text(path, bytes, len);
	CHECK(accel_probe(dir, &probe, &err) == 0);
	CHECK(strcmp(probe.reason, "planted") != 0);
}

static void check_names(void)
{
	enum accel accel;
	struct err err = {0};

	TEST("names of accelerators");
	CHECK(accel_parse("kvm", &accel, &err) == 0 && accel == ACCEL_KVM);
	CHECK(accel_parse("auto", &accel, &err) == 0 && accel == ACCEL_AUTO);
	CHECK_STR(accel_name(ACCEL_TCG), "tcg");
	CHECK(accel_parse("hvf", &accel, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, "'hvf' is no accelerator: use auto, kvm or tcg");
}

static void check_probe(const char *dir)
{
	struct accel_probe first = {0}, second = {0};
	struct err err = {0};
	uint64_t start = clock_monotonic_ms();

	TEST("a probe decides, says why not KVM, and knows the counter's rate");
	CHECK(accel_probe(dir, &first, &err) == 0);
	printf("# %s, %u kHz, %s (%u ms)\n", accel_name(first.accel), first.tsc_khz, first.reason,
	       (unsigned)(clock_monotonic_ms() - start));
	CHECK(first.accel == ACCEL_KVM || first.accel == ACCEL_TCG);
	CHECK((first.accel == ACCEL_TCG) == (first.reason[0] != '\0'));
	CHECK(first.tsc_khz > 0);

	TEST("the same answer within 50 ppm next time");
	CHECK(accel_probe(dir, &second, &err) == 0);
	CHECK(abs((int)first.tsc_khz - (int)second.tsc_khz) <= (int)(first.tsc_khz / 20000));

	TEST("a directory that cannot be written is no error");
	CHECK(accel_probe("/proc/nonexistent", &second, &err) == 0);
	CHECK(second.tsc_khz > 0);
}

static void check_cache(const char *dir, const char *path)
{
	static const char other[] = "1 00000000-0000-0000-0000-000000000000 open\ntcg\n2000000\n"
				    "planted\n";
	AUTO_BUF struct buf text = BUF_INIT(4096), planted = BUF_INIT(4096);
	struct accel_probe probe = {0};
	struct err err = {0};
	const char *head_end;

	TEST("a kept result of this boot is used; of another boot, or malformed, it is not");
	unlink(path);
	CHECK(accel_probe(dir, &probe, &err) == 0);
	if (fd_read_file(AT_FDCWD, path, &text, &err) < 0) {
		SKIP("the probe timed out, so nothing was kept");
		return;
	}
	head_end = strchr(text.ptr, '\n');
	buf_printf(&planted, "%.*s\ntcg\n2000000\nplanted\n", (int)(head_end - text.ptr), text.ptr);
	write_text(path, planted.ptr, planted.len);
	CHECK(accel_probe(dir, &probe, &err) == 0 && probe.tsc_khz == 2000000);
	CHECK_STR(probe.reason, "planted");

	check_distrust(dir, path, other, sizeof(other) - 1);
	check_distrust(dir, path, planted.ptr, 0);
	check_distrust(dir, path, planted.ptr, planted.len / 2);
	check_distrust(dir, path, planted.ptr, planted.len - 1);
	check_distrust(dir, path, planted.ptr, planted.len + 1); /* a NUL behind it */
	buf_puts(&planted, "more\n");
	check_distrust(dir, path, planted.ptr, planted.len);
	for (size_t i = 0; i < 3; i++) {
		static const char *const bad[] = {"auto\n2000000", "tcg\n-5", "kvm\n2000000"};

		buf_clear(&planted);
		buf_printf(&planted, "%.*s\n%s\nplanted\n", (int)(head_end - text.ptr), text.ptr,
			   bad[i]);
		check_distrust(dir, path, planted.ptr, planted.len);
	}
}

int main(void)
{
	char dir[] = "/tmp/accel-test-XXXXXX";
	AUTO_FREE char *path = NULL;
	struct err err;

	if (!mkdtemp(dir))
		return 1;
	path = path_join(dir, "accel");
	check_names();
	check_probe(dir);
	check_cache(dir, path);
	(void)path_remove_tree(dir, &err);
	return tap_done();
}
