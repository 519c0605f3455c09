// SPDX-License-Identifier: MIT
/* `audit`: what a sandbox's network was allowed and denied. */
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct audit_options {
	bool json, follow, denied;
	int64_t since_ns; /* 0 = from the beginning */
};

extern const struct cli_option audit_flags[];
int cmd_audit(struct cli *cli, int argc, char **argv, struct err *err);
