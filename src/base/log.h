// SPDX-License-Identifier: MIT
/*
 * Diagnostics for developers, off unless MATCHLOCK_LOG=debug|info|warn|error.  What a user must
 * know is printed by the command, what an auditor must know is an event; neither is a log line.
 * One line each on stderr: "matchlock[component] level: text".  Never pass a secret.
 */
#pragma once

#include "base/attr.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

#define log_debug(component, ...) log_write(LOG_DEBUG, component, __VA_ARGS__)
#define log_info(component, ...)  log_write(LOG_INFO, component, __VA_ARGS__)
#define log_warn(component, ...)  log_write(LOG_WARN, component, __VA_ARGS__)
#define log_error(component, ...) log_write(LOG_ERROR, component, __VA_ARGS__)

void log_write(enum log_level level, const char *component, const char *fmt, ...) ML_PRINTF(3, 4);
