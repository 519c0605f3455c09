// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct system_df_options {
	bool json;
};
extern const struct cli_option system_df_flags[];

/* `matchlock system df`. */
int cmd_system_df(struct cli *cli, int argc, char **argv, struct err *err);
