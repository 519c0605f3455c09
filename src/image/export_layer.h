// SPDX-License-Identifier: MIT
/* An EROFS layer as the tar that OCI knows: pax, whiteouts as `.wh.` names. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Where the tar goes: 0, or -1 with err. */
typedef int export_put_fn(void *ctx, const void *bytes, size_t len, struct err *err);

/* Hands the tar of the EROFS image `fd` to `put` in pieces.  The same layer gives the same bytes.
 * Sockets, which no tar can hold, are left out; holes become zeros. */
int export_layer(int fd, export_put_fn *put, void *ctx, struct err *err);
