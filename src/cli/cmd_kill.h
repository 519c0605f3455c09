// SPDX-License-Identifier: MIT
/* `kill`: ends sandboxes. */
#pragma once

#include "cli/cli.h"

struct kill_options {
	bool all;
};

extern const struct cli_option kill_flags[];
int cmd_kill(struct cli *cli, int argc, char **argv, struct err *err);
