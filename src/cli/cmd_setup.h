// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"
#include "setup/setup.h"

/* struct setup_options */
extern const struct cli_option setup_linux_flags[];
void setup_options_done(void *options);

struct setup_user_options {
	bool dry_run;
};
extern const struct cli_option setup_user_flags[];

/* `matchlock setup linux`, `matchlock setup user NAME`. */
int cmd_setup_linux(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_setup_user(struct cli *cli, int argc, char **argv, struct err *err);
