// SPDX-License-Identifier: MIT
/* A table on standard output: columns as wide as their longest cell and two spaces. */
#pragma once

#include <stddef.h>

/* `cells` (base/strv.h) are row after row; the headers are printed even without rows. */
void table_print(const char *const *headers, size_t columns, char *const *cells);
