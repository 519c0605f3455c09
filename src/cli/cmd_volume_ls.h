// SPDX-License-Identifier: MIT
/* `volume ls`: the volumes that there are. */
#pragma once

#include "cli/cli.h"

struct volume_ls_options {
	bool json;
};

extern const struct cli_option volume_ls_flags[];
int cmd_volume_ls(struct cli *cli, int argc, char **argv, struct err *err);
