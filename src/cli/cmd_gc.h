// SPDX-License-Identifier: MIT
/* `gc`: clears what sandboxes that have ended left behind. */
#pragma once

#include "cli/cli.h"

struct gc_options {
	bool force_running;
};

extern const struct cli_option gc_flags[];
int cmd_gc(struct cli *cli, int argc, char **argv, struct err *err);
