// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

/* `matchlock image import TAG`. */
int cmd_image_import(struct cli *cli, int argc, char **argv, struct err *err);
