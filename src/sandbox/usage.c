// SPDX-License-Identifier: MIT
/*
 * What one sandbox takes: see usage.h.
 *
 * Happy path: /proc/PID is opened as a folder, and everything is read through it, so that all
 * numbers are of one process; its start time, read the same way, tells that it is the one of the
 * row. Failure modes: none.  What cannot be read is USAGE_UNKNOWN: the process has ended in the
 * meantime, a host hides it (hidepid), a disk has been removed.
 */
#include "sandbox/usage.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "gateway/counters.h"
#include "sandbox/gc.h"
#include "state/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PROC_FILE = 16 * 1024, KIB = 1024, MS_PER_S = 1000, BLOCK = 512 };

static const int64_t ns_per_ms = 1000 * 1000;

/* The number behind `key`, which begins a line. */
static int64_t number_of(const char *text, const char *key)
{
	const char *line = text;

	while (line && strncmp(line, key, strlen(key)) != 0) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return line ? strtoll(line + strlen(key), NULL, 10) : USAGE_UNKNOWN;
}

/* The folder of the process in `proc`, -1 if it has ended; *ret_stat is of just this process. */
static int open_process(const char *proc, pid_t pid, uint64_t start, struct process_stat *ret_stat)
{
	AUTO_FREE char *path = xasprintf("%s/%ld", proc, (long)pid);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF struct buf line = BUF_INIT(PROC_FILE);
	struct err err;

	if (dir < 0 || fd_read_file(dir, "stat", &line, &err) < 0)
		return -1;
	process_parse_stat(line.ptr, ret_stat);
	return ret_stat->start != 0 && ret_stat->start == start ? STEAL_FD(dir) : -1;
}

static int64_t ticks_to_ms(uint64_t ticks)
{
	return (int64_t)(ticks * MS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int64_t seconds_since(uint64_t start)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return MAX(up.tv_sec * MS_PER_S + up.tv_nsec / ns_per_ms - ticks_to_ms(start), 0) /
	       MS_PER_S;
}

static void read_vmm(const char *proc, const struct sandbox_row *row, struct usage *usage)
{
	AUTO_BUF struct buf memory = BUF_INIT(PROC_FILE), io = BUF_INIT(PROC_FILE);
	struct process_stat stat;
	AUTO_FD int dir = open_process(proc, row->vmm_pid, row->vmm_start, &stat);
	struct err err;

	if (dir < 0)
		return;
	usage->cpu_ms = ticks_to_ms(stat.cpu);
	usage->uptime_s = seconds_since(stat.start);
	if (fd_read_file(dir, "smaps_rollup", &memory, &err) == 0) {
		usage->memory = number_of(memory.ptr, "Pss:");
		if (usage->memory > 0)
			usage->memory *= KIB;
	}
	if (fd_read_file(dir, "io", &io, &err) == 0) {
		usage->read = number_of(io.ptr, "read_bytes:");
		usage->written = number_of(io.ptr, "write_bytes:");
	}
}

/* CPU counts from the supervisor's start on; a VMM that is not there yet has used none. */
static void read_supervisor(const char *proc, const struct sandbox_row *row, struct usage *usage)
{
	struct process_stat stat;
	AUTO_FD int dir = open_process(proc, row->pid, row->pid_start, &stat);

	if (dir >= 0)
		usage->cpu_ms = MAX(usage->cpu_ms, 0) + ticks_to_ms(stat.cpu);
}

static void add_file(const char *path, int64_t *bytes)
{
	struct stat st;

	if (path && stat(path, &st) == 0)
		*bytes = MAX(*bytes, 0) + (int64_t)st.st_blocks * BLOCK;
}

static void read_disks(const char *dir, const json_t *config, struct usage *usage)
{
	AUTO_FREE char *upper = path_join(dir, "upper.ext4");
	const json_t *disk;
	size_t i;

	add_file(upper, &usage->disk);
	json_array_foreach(json_object_get(config, "extra_disks"), i, disk)
	{
		add_file(json_string_value(json_object_get(disk, "host_path")), &usage->disk);
	}
}

static int64_t counted(uint64_t value)
{
	return (int64_t)MIN(value, (uint64_t)INT64_MAX);
}

/* What the gateway has counted; without a network there is none. */
static void read_network(const char *dir, bool running, struct usage *usage)
{
	struct counters counters;

	if (!counters_read(dir, &counters))
		return;
	usage->sent = counted(counters.sent);
	usage->received = counted(counters.received);
	usage->connections = running ? counted(counters.open) : 0;
	usage->denied = counted(counters.denied);
}

static void read_limits(const json_t *config, struct usage *usage)
{
	const json_t *resources = json_object_get(config, "resources");
	int64_t memory_mb = json_integer_value(json_object_get(resources, "memory_mb"));
	double cpus = json_number_value(json_object_get(resources, "cpus"));

	if (memory_mb > 0 && memory_mb < INT64_MAX / KIB / KIB)
		usage->memory_limit = memory_mb * KIB * KIB;
	if (cpus > 0)
		usage->cpus = cpus;
}

void usage_read(const char *proc, const char *state_home, const struct sandbox_row *row,
		struct usage *ret_usage)
{
	json_t *config = json_loads(row->config_json, 0, NULL);
	const bool running = row->status == SANDBOX_RUNNING;
	AUTO_FREE char *dir = NULL;
	struct err err;

	*ret_usage = (struct usage){
		.at_ns = clock_monotonic_ns(),
		.cpu_ms = USAGE_UNKNOWN,
		.cpus = USAGE_UNKNOWN,
		.memory = USAGE_UNKNOWN,
		.memory_limit = USAGE_UNKNOWN,
		.disk = USAGE_UNKNOWN,
		.read = USAGE_UNKNOWN,
		.written = USAGE_UNKNOWN,
		.sent = USAGE_UNKNOWN,
		.received = USAGE_UNKNOWN,
		.connections = USAGE_UNKNOWN,
		.denied = USAGE_UNKNOWN,
		.uptime_s = USAGE_UNKNOWN,
	};
	read_limits(config, ret_usage);
	if (gc_directory(state_home, row->id, &dir, &err) == 0) {
		read_disks(dir, config, ret_usage);
		read_network(dir, running, ret_usage);
	}
	if (running) {
		read_vmm(proc, row, ret_usage);
		read_supervisor(proc, row, ret_usage);
	}
	json_decref(config);
}

double usage_cpu_percent(const struct usage *before, const struct usage *now)
{
	double ran = (double)(now->cpu_ms - before->cpu_ms);
	double passed = (double)(now->at_ns - before->at_ns) / (double)ns_per_ms;

	/* Less than before: it has another VMM now. */
	if (before->cpu_ms < 0 || now->cpu_ms < 0 || ran < 0 || passed <= 0 || now->cpus <= 0)
		return USAGE_UNKNOWN;
	return ran * 100 / (passed * now->cpus);
}
