// SPDX-License-Identifier: MIT
/* What one sandbox takes, read from a /proc of fixed texts. */
#include "sandbox/usage.h"

#include "base/fd.h"
#include "gateway/counters.h"
#include "state/test_home.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { VMM = 4711, SUPERVISOR = 4710, VMM_START = 5000, SUPERVISOR_START = 4900 };

/* As Linux 6.1 prints them; the name of the first tries to be more fields. */
static const char vmm_stat[] =
	"4711 (qemu) S 1 2 (x) S 4710 4711 4711 0 -1 1077936192 24871 0 12 0 250 50 7 9 20 0 5 0 "
	"5000 1023385600 36571 18446744073709551615 94 94 140 0 0 0 268444224 4096 1073775687 0 0 "
	"0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
static const char supervisor_stat[] =
	"4710 (matchlock) S 1 4710 4710 0 -1 4194560 1532 8123 0 3 20 30 11 6 20 0 1 0 4900 "
	"12345678 1801 18446744073709551615 94 94 140 0 0 0 0 4096 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 "
	"0 "
	"0 0 0\n";
static const char vmm_rollup[] =
	"55d0c0a00000-7ffd1b9fe000 ---p 00000000 00:00 0                          [rollup]\n"
	"Rss:              146284 kB\n"
	"Pss:               97384 kB\n"
	"Pss_Dirty:         61040 kB\n"
	"Pss_Anon:          60972 kB\n";
static const char vmm_io[] =
	"rchar: 323934931\nwchar: 323929600\nsyscr: 632687\nsyscw: 632675\n"
	"read_bytes: 4096\nwrite_bytes: 323932160\ncancelled_write_bytes: 77\n";

static void put(const char *home, const char *path, const char *text)
{
	AUTO_FREE char *full = path_join(home, path), *dir = xstrdup(full);
	struct err err = {0};

	*strrchr(dir, '/') = '\0';
	CHECK(path_mkdirs(dir, 0700, &err) == 0);
	CHECK(fd_write_file(AT_FDCWD, full, text, strlen(text), 0600, &err) == 0);
	CHECK_STR(err.msg, "");
}

static struct sandbox_row row_of(char *id, char *config)
{
	return (struct sandbox_row){
		.id = id,
		.pid = SUPERVISOR,
		.pid_start = SUPERVISOR_START,
		.status = SANDBOX_RUNNING,
		.config_json = config,
		.vmm_pid = VMM,
		.vmm_start = VMM_START,
	};
}

static void test_running(const char *home, const struct sandbox_row *row)
{
	int64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);
	struct timespec up;
	struct usage usage;

	usage_read(home, home, row, &usage);
	clock_gettime(CLOCK_BOOTTIME, &up);
	TEST("CPU is that of VMM and supervisor, without their children");
	CHECK(usage.cpu_ms == (250 + 50 + 20 + 30) * tick_ms);
	CHECK(usage.cpus == 1.5);
	TEST("memory is the VMM's share and the guest's own");
	CHECK(usage.memory == INT64_C(97384) * 1024);
	CHECK(usage.memory_limit == INT64_C(512) * 1024 * 1024);
	TEST("what was read and written is told from what was taken back");
	CHECK(usage.read == 4096);
	CHECK(usage.written == 323932160);
	TEST("the time since the VMM's start");
	CHECK(usage.uptime_s >= 0 && usage.uptime_s <= up.tv_sec);
	TEST("the writable layer and the data disks count, a disk that is gone does not");
	CHECK(usage.disk >= 3000 + 5000 && usage.disk % 512 == 0 && usage.disk <= 128 * 1024);
}

static void test_others(const char *home, struct sandbox_row row)
{
	struct usage usage;

	TEST("another process with the VMM's pid is not measured");
	row.vmm_start++;
	usage_read(home, home, &row, &usage);
	CHECK(usage.memory == USAGE_UNKNOWN && usage.uptime_s == USAGE_UNKNOWN);
	CHECK(usage.cpu_ms == (20 + 30) * 1000 / sysconf(_SC_CLK_TCK));
	TEST("nor one that has ended");
	put(home, "4710/stat",
	    "4710 (matchlock) Z 1 4710 4710 0 -1 4194560 0 0 0 0 20 30 0 0 20 "
	    "0 1 0 4900 0 0\n");
	usage_read(home, home, &row, &usage);
	CHECK(usage.cpu_ms == USAGE_UNKNOWN);
	TEST("of a sandbox that has ended only disks and limits are known");
	row.status = SANDBOX_STOPPED;
	row.vmm_start = VMM_START;
	usage_read(home, home, &row, &usage);
	CHECK(usage.cpu_ms == USAGE_UNKNOWN && usage.memory == USAGE_UNKNOWN);
	CHECK(usage.disk > 0 && usage.memory_limit > 0);
	TEST("a configuration that says nothing");
	row.config_json = (char[]){"{}"};
	usage_read(home, home, &row, &usage);
	CHECK(usage.memory_limit == USAGE_UNKNOWN && usage.cpus == USAGE_UNKNOWN);
}

static void test_network(const char *home, struct sandbox_row row)
{
	const struct counters counters = {
		.sent = 1000, .received = UINT64_MAX, .denied = 3, .open = 2};
	AUTO_FREE char *path = xasprintf("%s/vms/%s/" COUNTERS_FILE, home, row.id);
	struct usage usage;
	struct err err;

	TEST("without a network there is no traffic to know of");
	usage_read(home, home, &row, &usage);
	CHECK(usage.sent == USAGE_UNKNOWN && usage.received == USAGE_UNKNOWN);
	CHECK(usage.connections == USAGE_UNKNOWN && usage.denied == USAGE_UNKNOWN);
	TEST("what the gateway has counted, and nothing absurd");
	CHECK(fd_write_file(AT_FDCWD, path, &counters, sizeof(counters), 0600, &err) == 0);
	usage_read(home, home, &row, &usage);
	CHECK(usage.sent == 1000 && usage.received == INT64_MAX);
	CHECK(usage.connections == 2 && usage.denied == 3);
	TEST("what has ended has no connections");
	row.status = SANDBOX_STOPPED;
	usage_read(home, home, &row, &usage);
	CHECK(usage.sent == 1000 && usage.connections == 0);
}

static void test_percent(void)
{
	struct usage before = {.at_ns = UINT64_C(1000000000), .cpu_ms = 100, .cpus = 2};
	struct usage now = {.at_ns = UINT64_C(1500000000), .cpu_ms = 600, .cpus = 2};

	TEST("half a second of CPU in half a second, of two CPUs");
	CHECK(usage_cpu_percent(&before, &now) == 50);
	TEST("two readings that cannot be compared");
	CHECK(usage_cpu_percent(&now, &now) == USAGE_UNKNOWN);
	before.cpu_ms = 601;
	CHECK(usage_cpu_percent(&before, &now) == USAGE_UNKNOWN);
	before.cpu_ms = USAGE_UNKNOWN;
	CHECK(usage_cpu_percent(&before, &now) == USAGE_UNKNOWN);
}

int main(void)
{
	char *home = test_home_new();
	AUTO_FREE char *config =
		xasprintf("{\"resources\":{\"cpus\":1.5,\"memory_mb\":512},\"extra_disks\":["
			  "{\"host_path\":\"%s/data\",\"guest_mount\":\"/d\"},"
			  "{\"host_path\":\"%s/gone\",\"guest_mount\":\"/g\"}]}",
			  home, home);
	AUTO_FREE char *filler = xcalloc(1, 8192);
	char id[] = "vm-00000001";
	struct sandbox_row row = row_of(id, config);

	memset(filler, 'x', 5000);
	put(home, "data", filler);
	put(home, "vms/vm-00000001/upper.ext4", filler + 2000);
	put(home, "4711/stat", vmm_stat);
	put(home, "4711/smaps_rollup", vmm_rollup);
	put(home, "4711/io", vmm_io);
	put(home, "4710/stat", supervisor_stat);
	test_running(home, &row);
	test_network(home, row);
	test_others(home, row);
	test_percent();
	test_home_done(home);
	return tap_done();
}
