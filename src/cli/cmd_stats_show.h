// SPDX-License-Identifier: MIT
/* A sample of `stats` for people and for programs. */
#pragma once

#include "cli/cmd_stats_sample.h"

#include <stdio.h>

/* A table; what is not known is "-". */
void stats_show_table(const struct stats_sample *sample, FILE *out);

/* One line on standard output: sizes in bytes, uptime in seconds; what is not known is null. */
void stats_show_json(const struct stats_sample *sample);
