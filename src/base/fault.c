// SPDX-License-Identifier: MIT
/* Where a process can be made to die: see fault.h.  Nothing fails here. */
#include "base/fault.h"

#include "base/attr.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name, const struct fault_victims *others)
{
	const struct {
		const char *suffix;
		pid_t pid;
	} victims[] = {
		{"", getpid()},
		{":vmm", others->vmm},
		{":gateway", others->gateway},
		{":resolver", others->resolver},
	};
	const char *fault = getenv("MATCHLOCK_FAULT");
	size_t len = strlen(name);

	if (!fault || strncmp(fault, name, len) != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		if (strcmp(fault + len, victims[i].suffix) == 0 && victims[i].pid > 0)
			kill(victims[i].pid, SIGKILL);
	}
}
