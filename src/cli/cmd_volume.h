// SPDX-License-Identifier: MIT
/* The commands of the group `volume`. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command volume_commands[];
