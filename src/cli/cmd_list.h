// SPDX-License-Identifier: MIT
/* `list`: the user's sandboxes. */
#pragma once

#include "cli/cli.h"

struct list_options {
	bool running, json;
	char **label;
};

extern const struct cli_option list_flags[];
void list_options_done(void *options);
int cmd_list(struct cli *cli, int argc, char **argv, struct err *err);
