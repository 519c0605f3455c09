// SPDX-License-Identifier: MIT
#pragma once

#include "cli/cli.h"
#include "cli/policy_flags.h"

struct policy_check_options {
	struct policy_flags policy;
	char **add_host;
	bool no_resolve;
	bool json;
};
extern const struct cli_option policy_check_flags[];
void policy_check_options_done(void *options);

/* `matchlock policy check`. */
int cmd_policy_check(struct cli *cli, int argc, char **argv, struct err *err);
