// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct diagnose_options {
	bool json;
};
extern const struct cli_option diagnose_flags[];

/* `matchlock diagnose`. */
int cmd_diagnose(struct cli *cli, int argc, char **argv, struct err *err);
