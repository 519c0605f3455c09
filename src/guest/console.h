// SPDX-License-Identifier: MIT
/* What the guest has to say besides the channel: the console (the host keeps its last lines) and
 * the kernel's log. */
#pragma once

#include "base/attr.h"

/* One line "matchlock: TEXT".  Never fails: there may be no console. */
void console_log(const char *fmt, ...) ML_PRINTF(1, 2);

/* Last words of PID 1: the line, then a reset of the machine, which ends the VM. */
ML_NORETURN void console_fatal(const char *fmt, ...) ML_PRINTF(1, 2);

/* Ends the VM without a word. */
ML_NORETURN void console_reset(void);
