// SPDX-License-Identifier: MIT
/* Help, printed from the tables, at most 80 columns wide. */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"

/* All of a command's help: what it is, usage, examples, commands, flags. */
void cli_help(const struct cli *cli, struct buf *text);

/* The same without the description: what stands below a notice. */
void cli_usage(const struct cli *cli, struct buf *text);

/* What is said about a flag, with its default of `defaults`, a freshly initialised options struct;
 * NULL: none is shown.  Malloc'ed. */
char *cli_option_text(const struct cli_option *option, const void *defaults);

/* `help [command path]`. */
int cmd_help(struct cli *cli, int argc, char **argv, struct err *err);
