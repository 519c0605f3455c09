// SPDX-License-Identifier: MIT
/* `volume cp`: copies a volume that no sandbox writes to. */
#pragma once

#include "cli/cli.h"

int cmd_volume_cp(struct cli *cli, int argc, char **argv, struct err *err);
