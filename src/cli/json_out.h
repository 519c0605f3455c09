// SPDX-License-Identifier: MIT
/* JSON on standard output: one line for `--json`, indented by two for what is JSON anyway. */
#pragma once

#include <jansson.h>

/* Prints the value on standard output and releases it. */
void json_print(json_t *value);
void json_print_indented(json_t *value);
