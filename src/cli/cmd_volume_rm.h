// SPDX-License-Identifier: MIT
/* `volume rm`: removes a volume that no sandbox uses. */
#pragma once

#include "cli/cli.h"

int cmd_volume_rm(struct cli *cli, int argc, char **argv, struct err *err);
