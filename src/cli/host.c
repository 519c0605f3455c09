// SPDX-License-Identifier: MIT
/* The host's CPUs: see host.h. */
#include "cli/host.h"

#include <sched.h>

unsigned host_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}
