// SPDX-License-Identifier: MIT
/* The commands of the group `allow-list`. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command allow_list_commands[];
