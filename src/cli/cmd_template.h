// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct template_ls_options {
	bool json;
};
extern const struct cli_option template_ls_flags[];

struct template_rm_options {
	bool all;
};
extern const struct cli_option template_rm_flags[];

struct template_prune_options {
	int64_t keep_mb;
	bool keep_given;
};
extern const struct cli_option template_prune_flags[];

/* `matchlock template ls`, `rm`, `prune`. */
int cmd_template_ls(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_template_rm(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_template_prune(struct cli *cli, int argc, char **argv, struct err *err);

/* Offers keys to the shell. */
void templates_offer_keys(struct cli_candidates *candidates);
