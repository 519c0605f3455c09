// SPDX-License-Identifier: MIT
/* Local names: see local_name.h.  A table; .test is left out, since who uses it has a server that
 * knows it. */
#include "gateway/local_name.h"

#include "base/attr.h"

#include <string.h>

static const char *const local_ends[] = {
	".alt", ".home.arpa", ".internal", ".invalid", ".local", ".localhost", ".onion",
};

bool local_name(const char *name)
{
	size_t len = strlen(name);

	if (!strchr(name, '.'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(local_ends); i++) {
		size_t end = strlen(local_ends[i]);

		if (len > end && strcmp(name + len - end, local_ends[i]) == 0)
			return true;
	}
	return false;
}
