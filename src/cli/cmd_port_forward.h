// SPDX-License-Identifier: MIT
/* `port-forward`: ports of this host that lead into a sandbox that another process owns. */
#pragma once

#include "cli/cli.h"

struct port_forward_options {
	char **address;
};

extern const struct cli_option port_forward_flags[];
void port_forward_options_done(void *options);
int cmd_port_forward(struct cli *cli, int argc, char **argv, struct err *err);
