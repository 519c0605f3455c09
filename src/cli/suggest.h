// SPDX-License-Identifier: MIT
/* What a mistyped command may have meant. */
#pragma once

#include "cli/cli.h"

/* The commands of `group` whose names are at most two edits away from `word` or begin with it, as
 * lines to print below the error; malloc'ed, NULL if there is none. */
char *cli_suggest(const struct cli_command *group, const char *word);
