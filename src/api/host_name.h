// SPDX-License-Identifier: MIT
/*
 * Host names in one form: lower case, without the dot at the end, labels that are not ASCII as
 * A-labels (xn--...).  Labels are 1 to 63 letters, digits, `-` and `_`, with no `-` at either end;
 * all of it is at most 253 bytes.  A name whose last label is a number ("127.1", "0x7f000001") is
 * none: resolvers take such texts for addresses.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum { HOST_NAME_SIZE = 254 };

/* For names that came over a network: ASCII only, no library looks at the bytes.  False if it is no
 * name. */
bool host_name_read(const char *text, char ret_name[HOST_NAME_SIZE]);

/* For names that a user typed, in any script; with `stars` a label may hold any number of `*`.
 * ERR_INVALID with the reason alone. */
int host_name_typed(const char *text, bool stars, char ret_name[HOST_NAME_SIZE], struct err *err);
