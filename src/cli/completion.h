// SPDX-License-Identifier: MIT
/* `completion bash|zsh|fish|powershell`: scripts for shells, see cli/complete.h. */
#pragma once

#include "cli/cli.h"

struct completion_options {
	bool no_descriptions;
};
extern const struct cli_option completion_flags[];

int cmd_completion_bash(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_completion_zsh(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_completion_fish(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_completion_powershell(struct cli *cli, int argc, char **argv, struct err *err);
