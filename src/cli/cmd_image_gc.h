// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct image_prune_options {
	bool all, force;
};
extern const struct cli_option image_prune_flags[];

/* `matchlock image gc` and `matchlock image prune`. */
int cmd_image_gc(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_image_prune(struct cli *cli, int argc, char **argv, struct err *err);
