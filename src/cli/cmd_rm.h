// SPDX-License-Identifier: MIT
/* `rm`: removes sandboxes that have ended. */
#pragma once

#include "cli/cli.h"

struct rm_options {
	bool stopped;
};

extern const struct cli_option rm_flags[];
int cmd_rm(struct cli *cli, int argc, char **argv, struct err *err);
