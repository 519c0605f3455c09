// SPDX-License-Identifier: MIT
/* `inspect`: one sandbox and its history as JSON. */
#pragma once

#include "cli/cli.h"

int cmd_inspect(struct cli *cli, int argc, char **argv, struct err *err);
