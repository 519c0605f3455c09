// SPDX-License-Identifier: MIT
/* What `--json` prints: see json_out.h. */
#include "cli/json_out.h"

#include <stdio.h>

void json_print(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(value);
}
