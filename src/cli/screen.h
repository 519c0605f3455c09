// SPDX-License-Identifier: MIT
/*
 * The whole terminal for something that is drawn again and again: on the alternate screen, so that
 * what was there before is there again afterwards, without a cursor, keys arriving as they are
 * typed.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* True if both standard input and standard output are a terminal that can do this. */
bool screen_possible(void);

int screen_open(struct err *err);

/* Draws the lines of `text` over what is there, cut to the size that the terminal has now; lines
 * that do not fit are left out and counted in the last one. */
int screen_draw(const char *text, struct err *err);

/* Leaves the terminal as it was before screen_open(). */
void screen_close(void);

/* Ctrl-Z: gives the terminal back, stops the process group, and once it is continued takes it
 * again.  SIGTSTP is blocked by the caller. */
int screen_suspend(struct err *err);
