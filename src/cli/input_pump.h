// SPDX-License-Identifier: MIT
/*
 * A terminal's input, passed on through a pipe to a process that is not of the terminal's session:
 * only we may read it, since job control stops us, and not others, when the user's shell wants it.
 */
#pragma once

#include "base/err.h"
#include "sandbox/stdio.h"

#include <uv.h>

enum { INPUT_PUMP_BYTES = 4096 };

struct input_pump { /* zeroed: none */
	struct stdio terminal;
	int pipe_fd; /* our end */
	uv_poll_t readable, writable;
	char bytes[INPUT_PUMP_BYTES];
	size_t len, sent;
	bool is_open;
};

/* Starts passing on what comes from `terminal_fd`, which is borrowed.  *ret_fd is the end for the
 * reader, the caller's.  The pump must stay where it is until the loop has run out. */
int input_pump_open(struct input_pump *pump, uv_loop_t *loop, int terminal_fd, int *ret_fd,
		    struct err *err);

/* Ends the reader's input.  One that is not open is allowed. */
void input_pump_close(struct input_pump *pump);
