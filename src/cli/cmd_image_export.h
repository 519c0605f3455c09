// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct image_export_options {
	char *output;
};
extern const struct cli_option image_export_flags[];
void image_export_options_done(void *options);

/* `matchlock image export TAG`. */
int cmd_image_export(struct cli *cli, int argc, char **argv, struct err *err);
