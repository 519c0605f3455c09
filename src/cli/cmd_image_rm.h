// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

/* `matchlock image rm TAG`. */
int cmd_image_rm(struct cli *cli, int argc, char **argv, struct err *err);
