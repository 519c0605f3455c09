// SPDX-License-Identifier: MIT
/* `gc`: clears what sandboxes that have ended left behind. */
#pragma once

#include "cli/cli.h"

int cmd_gc(struct cli *cli, int argc, char **argv, struct err *err);
