// SPDX-License-Identifier: MIT
/* The version: see version.h.  build_info.h is written by the build (build-stamp.sh). */
#include "cli/version.h"

#include "cli/build_info.h"
#include "cli/cli.h"

#include <stdio.h>

void version_print_short(void)
{
	puts("matchlock version " MATCHLOCK_VERSION);
}

int cmd_version(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv ML_UNUSED,
		struct err *err ML_UNUSED)
{
	puts("matchlock " MATCHLOCK_VERSION " (" MATCHLOCK_BUILD ")");
	return 0;
}
