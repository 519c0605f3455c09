// SPDX-License-Identifier: MIT
/* `stop`: ends sandboxes in order and waits for it. */
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct stop_options {
	int64_t time_s;
};

extern const struct cli_option stop_flags[];
void stop_options_init(void *options);
int cmd_stop(struct cli *cli, int argc, char **argv, struct err *err);
