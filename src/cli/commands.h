// SPDX-License-Identifier: MIT
/* The table of all commands. */
#pragma once

#include "cli/cli.h"

extern const struct cli_command matchlock_command;
