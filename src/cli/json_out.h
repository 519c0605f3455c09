// SPDX-License-Identifier: MIT
/* What `--json` prints: one line. */
#pragma once

#include <jansson.h>

/* Prints the value on standard output and releases it. */
void json_print(json_t *value);
