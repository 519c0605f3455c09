// SPDX-License-Identifier: MIT
/* JSON on standard output: see json_out.h. */
#include "cli/json_out.h"

#include <stdio.h>

enum { DIGITS = 15 }; /* of a fraction: as it was typed */

static void print(json_t *value, size_t flags)
{
	json_dumpf(value, stdout, flags | JSON_REAL_PRECISION(DIGITS));
	putchar('\n');
	json_decref(value);
}

void json_print(json_t *value)
{
	print(value, JSON_COMPACT);
}

void json_print_indented(json_t *value)
{
	print(value, JSON_INDENT(2));
}
