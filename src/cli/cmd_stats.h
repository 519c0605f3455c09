// SPDX-License-Identifier: MIT
/* `stats`, also called `top`: what sandboxes take of the host. */
#pragma once

#include "cli/cli.h"

struct stats_options {
	bool stream, no_stream, json;
};

extern const struct cli_option stats_flags[];
int cmd_stats(struct cli *cli, int argc, char **argv, struct err *err);
