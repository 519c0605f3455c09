// SPDX-License-Identifier: MIT
/* `prune`: removes all sandboxes that have ended. */
#pragma once

#include "cli/cli.h"

int cmd_prune(struct cli *cli, int argc, char **argv, struct err *err);
