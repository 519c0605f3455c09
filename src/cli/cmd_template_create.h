// SPDX-License-Identifier: MIT
#pragma once

#include "api/sandbox_spec.h"
#include "cli/cli.h"

struct template_create_options {
	struct sandbox_spec spec; /* by flags: cpus, memory_mb, disk_size_mb, no_network */
	char *accel;
	bool generic, quiet, background;
};
extern const struct cli_option template_create_flags[];
void template_create_options_init(void *options);
void template_create_options_done(void *options);

/* `matchlock template create`. */
int cmd_template_create(struct cli *cli, int argc, char **argv, struct err *err);
