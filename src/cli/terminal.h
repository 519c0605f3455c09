// SPDX-License-Identifier: MIT
/* The user's terminal for `-it`: raw mode, restored on every way out of the process that runs code
 * of ours; its size. */
#pragma once

#include "base/err.h"
#include "wire/agent.h"

/* Puts the terminal at `fd` into raw mode; terminal_restore() is registered with atexit().  Only
 * one terminal at a time. */
int terminal_raw(int fd, struct err *err);

/* Undoes terminal_raw(); does nothing otherwise.  Safe in a signal handler. */
void terminal_restore(void);

/* The size of the terminal at `fd`, or 24 x 80 when it has none. */
struct agent_size terminal_size(int fd);
