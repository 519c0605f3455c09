// SPDX-License-Identifier: MIT
/*
 * Defaults from the environment: MATCHLOCK_<COMMAND>_<FLAG>, with `-` as `_`
 * (MATCHLOCK_RUN_DISK_SIZE for `run --disk-size`).
 */
#pragma once

#include "base/err.h"
#include "cli/cli.h"
#include "cli/parse.h"

/* The variable of a flag of the running command.  Malloc'ed. */
char *cli_variable_name(const struct cli *cli, const struct cli_option *option);

/* Sets each flag that `parse` did not find on the command line and whose variable is set and not
 * empty.  A wrong value is an error that names the variable.  Then ERR_INVALID for a required flag
 * that neither gave. */
int cli_defaults(const struct cli *cli, const struct cli_parse *parse, struct err *err);
