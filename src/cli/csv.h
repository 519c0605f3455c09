// SPDX-License-Identifier: MIT
/* The value of a list flag: one CSV record (RFC 4180), `a,"b,c",d`. */
#pragma once

#include "base/err.h"

/* Appends the fields of `record` to `list` (base/strv.h); an empty record has none.  A stray or
 * missing `"` is ERR_INVALID, with the column and nothing appended. */
int csv_split(const char *record, char ***list, struct err *err);
