// SPDX-License-Identifier: MIT
/* One sink for diagnostics: see log.h.  The level is read from the environment once. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

static enum log_level log_threshold(void)
{
	static int level = -1;
	const char *name = getenv("MATCHLOCK_LOG");

	if (level >= 0)
		return (enum log_level)level;
	level = LOG_OFF;
	for (size_t i = 0; name && i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0)
			level = (int)i;
	}
	return (enum log_level)level;
}

void log_write(enum log_level level, const char *component, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int len;

	if (level < log_threshold())
		return;
	len = snprintf(line, sizeof(line), "matchlock[%s] %s: ", component, level_names[level]);
	va_start(args, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, args);
	va_end(args);
	len = MIN(len, (int)sizeof(line) - 2);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nowhere left to say it */
}
