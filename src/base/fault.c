// SPDX-License-Identifier: MIT
/* Where a process can be made to die: see fault.h.  Nothing fails here. */
#include "base/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name, pid_t vmm)
{
	const char *fault = getenv("MATCHLOCK_FAULT");
	size_t len = strlen(name);

	if (!fault || strncmp(fault, name, len) != 0)
		return;
	if (fault[len] == '\0')
		kill(getpid(), SIGKILL);
	else if (strcmp(fault + len, ":vmm") == 0 && vmm > 0)
		kill(vmm, SIGKILL);
}
