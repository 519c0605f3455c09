// SPDX-License-Identifier: MIT
/* Patterns of host names (api/host_entry.h) against names, both in the form of api/host_name.h. */
#pragma once

#include <stdbool.h>

/* "*" matches every name; a leading "*." one or more labels; any other `*` any run of characters,
 * also none, within one label. */
bool match_name(const char *pattern, const char *name);
