// SPDX-License-Identifier: MIT
/* `log`: what a VM and its commands have printed. */
#pragma once

#include "cli/cli.h"

struct log_options {
	bool follow;
};

extern const struct cli_option log_flags[];
int cmd_log(struct cli *cli, int argc, char **argv, struct err *err);
