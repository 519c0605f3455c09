// SPDX-License-Identifier: MIT
/* What this program becomes when it starts itself for a part of a sandbox: hidden commands. */
#pragma once

#include "base/err.h"

struct cli;

/* `__gateway` (gateway/process.h) and `__resolver` (gateway/resolver_child.h), each in the jail
 * that whoever started it has put it into. */
int cmd_gateway(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_resolver(struct cli *cli, int argc, char **argv, struct err *err);
