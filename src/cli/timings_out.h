// SPDX-License-Identifier: MIT
/* What `--timings` prints on standard error. */
#pragma once

struct cli_candidates;
struct cli_type;
struct timings;

enum timings_format { TIMINGS_OFF, TIMINGS_TABLE, TIMINGS_JSON };

/* A switch that also takes "json". */
extern const struct cli_type timings_format_type;
void timings_offer_formats(struct cli_candidates *candidates);

/* `level`: how the sandbox was started.  One table, or one line of JSON. */
void timings_print(const struct timings *timings, enum timings_format form, const char *level);
