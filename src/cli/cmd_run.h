// SPDX-License-Identifier: MIT
/* `run`: a command in a new sandbox; its flags are struct run_options. */
#pragma once

#include "cli/cli.h"

int cmd_run(struct cli *cli, int argc, char **argv, struct err *err);
