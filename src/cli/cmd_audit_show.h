// SPDX-License-Identifier: MIT
/* Records of an audit (gateway/audit.h) for people. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

void audit_show_header(bool with_id);

/* A line of the table, and for a denial a second one with the command that would allow it. */
void audit_show(const json_t *record, bool with_id);
