// SPDX-License-Identifier: MIT
/* `matchlock exec`. */
#pragma once

#include "cli/cli.h"

struct exec_options {
	bool tty, interactive, stream;
	char *workdir, *user;
	char **env, **env_file;
};
extern const struct cli_option exec_flags[];
void exec_options_init(void *options);
void exec_options_done(void *options);

int cmd_exec(struct cli *cli, int argc, char **argv, struct err *err);
