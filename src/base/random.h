// SPDX-License-Identifier: MIT
/* The kernel's random bytes.  Cannot fail once the system is up; aborts otherwise. */
#pragma once

#include <stddef.h>

void random_bytes(void *bytes, size_t len);

/* `digits` lowercase hex digits and a NUL. */
void random_hex(char *ret_text, size_t digits);
