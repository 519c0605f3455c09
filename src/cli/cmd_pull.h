// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

struct pull_options {
	bool force, quiet;
	char *tag, *platform;
};
extern const struct cli_option pull_flags[];
void pull_options_done(void *options);

/* `matchlock pull REF`. */
int cmd_pull(struct cli *cli, int argc, char **argv, struct err *err);
