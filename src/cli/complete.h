// SPDX-License-Identifier: MIT
/*
 * What the shell may offer next.  The completion scripts call `matchlock __complete WORDS...`, the
 * last word being the one under the cursor, and read one candidate a line, a tab and its
 * description behind it, then a line ":N" (enum cli_directive).
 */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"

enum cli_directive {
	CLI_COMPLETE_FILES = 0, /* offer file names when there is no candidate */
	CLI_COMPLETE_NO_SPACE = 2,
	CLI_COMPLETE_NO_FILES = 4,
};

struct cli_candidates {
	const char *prefix; /* the word so far, or its part behind `--flag=` */
	bool descriptions;
	int directive;
	struct buf text; /* the lines */
};

/* Offers `value` if it begins with the prefix; `description` may be NULL. */
void cli_offer(struct cli_candidates *candidates, const char *value, const char *description);

/* Hooks of more than one flag: names of files; names of the caller's environment variables. */
void cli_offer_files(struct cli_candidates *candidates);
void cli_offer_variables(struct cli_candidates *candidates);

/* The hidden commands `__complete` and `__completeNoDesc`. */
int cmd_complete(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_complete_plain(struct cli *cli, int argc, char **argv, struct err *err);
