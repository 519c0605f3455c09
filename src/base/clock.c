// SPDX-License-Identifier: MIT
/* Clocks and their one text form: see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

uint64_t clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000u;
}

void clock_format(const struct timespec *time, char ret_text[CLOCK_TEXT_SIZE])
{
	char fraction[24] = "";
	struct tm tm;
	size_t len;

	gmtime_r(&time->tv_sec, &tm);
	if (time->tv_nsec > 0) {
		snprintf(fraction, sizeof(fraction), ".%09ld", time->tv_nsec);
		len = strlen(fraction);
		while (fraction[len - 1] == '0')
			fraction[--len] = '\0';
	}
	len = strftime(ret_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret_text + len, CLOCK_TEXT_SIZE - len, "%sZ", fraction);
}

void clock_now_text(char ret_text[CLOCK_TEXT_SIZE])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_format(&now, ret_text);
}
