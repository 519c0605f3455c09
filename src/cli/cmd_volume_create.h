// SPDX-License-Identifier: MIT
/* `volume create`: makes an empty volume. */
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct volume_create_options {
	int64_t size_mb;
	bool json;
};

extern const struct cli_option volume_create_flags[];
void volume_create_options_init(void *options);
int cmd_volume_create(struct cli *cli, int argc, char **argv, struct err *err);
