// SPDX-License-Identifier: MIT
/* `get`: one sandbox as JSON. */
#pragma once

#include "cli/cli.h"

int cmd_get(struct cli *cli, int argc, char **argv, struct err *err);
