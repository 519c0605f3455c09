// SPDX-License-Identifier: MIT
/* Pseudo-terminals of the container. */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* A new terminal of that size (0 = leave it).  The master is non-blocking and the caller's; its
 * slave is /dev/pts/<number> in the container. */
int terminal_open(uint16_t rows, uint16_t cols, int *ret_master, int *ret_number, struct err *err);

void terminal_resize(int master, uint16_t rows, uint16_t cols);
