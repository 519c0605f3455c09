// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct image_ls_options {
	bool json;
};
extern const struct cli_option image_ls_flags[];

/* `matchlock image ls`. */
int cmd_image_ls(struct cli *cli, int argc, char **argv, struct err *err);
