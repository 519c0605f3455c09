// SPDX-License-Identifier: MIT
/* The commands of the group `image`. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command image_commands[];
