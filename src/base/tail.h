// SPDX-License-Identifier: MIT
/* The last words of a helper or of the guest's console, kept to say why something ended. */
#pragma once

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct tail {
	char bytes[LIMIT_STDERR_TAIL];
	size_t len;
};

void tail_put(struct tail *tail, struct view bytes);

/* Appends the last `max_lines` lines that are not empty, joined by " | ", control characters
 * dropped. */
void tail_lines(const struct tail *tail, size_t max_lines, struct buf *buf);

/* Appends likewise the line with the last `mark`, from there on; false if there is none. */
bool tail_line_with(const struct tail *tail, const char *mark, struct buf *buf);
