// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct image_check_options {
	bool json;
};
extern const struct cli_option image_check_flags[];

/* `matchlock image check`. */
int cmd_image_check(struct cli *cli, int argc, char **argv, struct err *err);
