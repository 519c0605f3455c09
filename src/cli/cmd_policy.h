// SPDX-License-Identifier: MIT
/* The commands of the group `policy`. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command policy_commands[];
