// SPDX-License-Identifier: MIT
/* The commands of the group `template`. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command template_commands[];
