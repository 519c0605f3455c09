// SPDX-License-Identifier: MIT
/*
 * Set-up: see setup.h.
 *
 * Failure modes: any step fails the whole; the host ends the VM then.  Kernel settings are no part
 * of that: one that the kernel lacks is passed over.
 */
#include "guest/setup.h"

#include "base/auto.h"
#include "base/clock.h"
#include "guest/cgroup.h"
#include "guest/console.h"
#include "guest/container.h"
#include "guest/disks.h"
#include "guest/etc_files.h"
#include "guest/fs.h"
#include "guest/layout.h"
#include "guest/network.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_SLACK_NS = 2 * 1000 * 1000 };

static const struct {
	const char *path, *value;
} settings[] = {
	{"/proc/sys/kernel/modprobe", GUEST_MODPROBE},
	/* Compiling the small filter of each command costs more than it saves. */
	{"/proc/sys/net/core/bpf_jit_enable", "0"},
	/* As in Docker: ping and low ports without privilege. */
	{"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
	{"/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"},
};

void setup_kernel(void)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		(void)fs_write(settings[i].path, settings[i].value, &err);
	if (network_raise_loopback(&err) < 0)
		console_log("network: %s", err.msg);
}

int setup_clock(const struct agent_clock *clock, uint64_t age_ns, struct err *err)
{
	const uint64_t wall_ns = clock->wall_ns + age_ns;
	const struct timespec now = {(time_t)(wall_ns / 1000000000u),
				     (long)(wall_ns % 1000000000u)};
	struct timespec ours;
	int64_t ahead;

	clock_gettime(CLOCK_REALTIME, &ours);
	ahead = (ours.tv_sec - now.tv_sec) * INT64_C(1000000000) + ours.tv_nsec - now.tv_nsec;
	if (ahead < CLOCK_SLACK_NS && ahead > -CLOCK_SLACK_NS)
		return 0;
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		return err_sys(err, errno, "set the clock");
	return 0;
}

static int set_hostname(const char *name, struct err *err)
{
	if (sethostname(name, strlen(name)) < 0)
		return err_sys(err, errno, "set host name '%s'", name);
	return 0;
}

/* Notes how long the step took that ends now. */
static void step(struct agent_steps *steps, enum agent_step_id id, uint64_t *since_ns)
{
	uint64_t now = clock_monotonic_ns();

	steps->steps[steps->count++] =
		(struct agent_step){(uint8_t)id, (uint32_t)((now - *since_ns) / 1000)};
	*since_ns = now;
}

int setup_open_random(int *ret_fd, struct err *err)
{
	*ret_fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, errno, "open /dev/urandom") : 0;
}

int setup_entropy(const struct agent_setup *setup, int random_fd, struct agent_steps *steps,
		  struct err *err)
{
	struct {
		int bits, len;
		unsigned char bytes[sizeof(setup->entropy)];
	} seed = {.bits = 8 * (int)sizeof(setup->entropy), .len = sizeof(setup->entropy)};
	uint64_t since = clock_monotonic_ns();
	int result;

	memcpy(seed.bytes, setup->entropy, sizeof(seed.bytes));
	result = ioctl(random_fd, RNDADDENTROPY, &seed);
	explicit_bzero(&seed, sizeof(seed));
	if (result < 0 || ioctl(random_fd, RNDRESEEDCRNG, 0) < 0)
		return err_sys(err, errno, "seed the random number generator");
	step(steps, AGENT_STEP_ENTROPY, &since);
	return 0;
}

int setup_apply(const struct agent_setup *setup, struct container **ret_container,
		struct agent_steps *steps, struct err *err)
{
	uint64_t since = clock_monotonic_ns();

	if (set_hostname(setup->hostname, err) < 0 || cgroup_start(setup->cpu_quota_us, err) < 0)
		return -1;
	step(steps, AGENT_STEP_GROUPS, &since);
	if (setup->mtu > 0 && network_raise(setup->mtu, err) < 0)
		return -1;
	step(steps, AGENT_STEP_NETWORK, &since);
	if (disks_mount(setup->disks, setup->disk_count, err) < 0)
		return -1;
	step(steps, AGENT_STEP_DISKS, &since);
	if (container_start(setup, ret_container, err) < 0)
		return -1;
	step(steps, AGENT_STEP_CONTAINER, &since);
	return 0;
}

static bool same_disks(const struct agent_setup *a, const struct agent_setup *b)
{
	if (a->disk_count != b->disk_count)
		return false;
	for (size_t i = 0; i < a->disk_count; i++) {
		if (a->disks[i].role != b->disks[i].role ||
		    a->disks[i].read_only != b->disks[i].read_only ||
		    strcmp(a->disks[i].path, b->disks[i].path) != 0)
			return false;
	}
	return true;
}

int setup_reapply(const struct agent_setup *before, const struct agent_setup *setup,
		  const int etc_fds[], struct agent_steps *steps, struct err *err)
{
	uint64_t since = clock_monotonic_ns();

	if (!same_disks(before, setup) || before->privileged != setup->privileged ||
	    before->cpu_quota_us != setup->cpu_quota_us || !before->mtu != !setup->mtu)
		return err_set(
			err, ERR_CONFLICT,
			"this VM is a clone of one with other disks, CPUs, privileges or network");
	if (before->mtu != setup->mtu && network_set_mtu(setup->mtu, err) < 0)
		return -1;
	if (set_hostname(setup->hostname, err) < 0 ||
	    etc_files_rewrite(before, setup, etc_fds, err) < 0)
		return -1;
	step(steps, AGENT_STEP_IDENTITY, &since);
	return 0;
}
