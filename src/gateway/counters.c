// SPDX-License-Identifier: MIT
/* Reads what a gateway counts: see counters.h. */
#include "gateway/counters.h"

#include "base/auto.h"
#include "base/path.h"

#include <fcntl.h>
#include <unistd.h>

bool counters_read(const char *dir, struct counters *ret_counters)
{
	AUTO_FREE char *path = path_join(dir, COUNTERS_FILE);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct counters counters;

	if (fd < 0 || pread(fd, &counters, sizeof(counters), 0) != sizeof(counters))
		return false;
	*ret_counters = counters;
	return true;
}
