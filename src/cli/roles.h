// SPDX-License-Identifier: MIT
/* What this program becomes when it starts itself for a part of a sandbox: hidden commands. */
#pragma once

#include "base/err.h"

struct cli;

/* `__resolver`: gateway/resolver_child.h, in the jail that whoever started it has put it into. */
int cmd_resolver(struct cli *cli, int argc, char **argv, struct err *err);
