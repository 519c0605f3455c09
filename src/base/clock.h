// SPDX-License-Identifier: MIT
/* Time: a monotonic clock for durations, wall time for records. */
#pragma once

#include <stdint.h>
#include <time.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);

enum { CLOCK_TEXT_SIZE = 40 };

/* RFC 3339 in UTC with nanoseconds, trailing zeros trimmed: "2026-03-14T10:20:30.5Z". */
void clock_format(const struct timespec *time, char ret_text[CLOCK_TEXT_SIZE]);
void clock_now_text(char ret_text[CLOCK_TEXT_SIZE]);
