// SPDX-License-Identifier: MIT
/* Which build this is. */
#pragma once

#include "base/err.h"

struct cli;

/* "matchlock version VERSION" on stdout: what --version prints. */
void version_print_short(void);

/* `version`: "matchlock VERSION (commit: COMMIT, built: TIME)". */
int cmd_version(struct cli *cli, int argc, char **argv, struct err *err);
