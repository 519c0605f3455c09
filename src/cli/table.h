// SPDX-License-Identifier: MIT
/* A table of text: columns as wide as their longest cell and two spaces. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* `cells` (base/strv.h) are row after row; the headers are printed even without rows. */
void table_write(FILE *out, const char *const *headers, size_t columns, char *const *cells);

/* The same on standard output. */
void table_print(const char *const *headers, size_t columns, char *const *cells);
