// SPDX-License-Identifier: MIT
/* QEMU's monitor, as far as it is needed: hello at the start, and why the guest ended. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* What to write into the monitor's socket before QEMU is started; it reads it once it listens. */
extern const struct view qmp_hello;

/* Reads what QEMU has said on its socket, after its end, without waiting.  A phrase for why the
 * guest ended: "the guest powered off"; NULL when it did not say. */
const char *qmp_end_of_guest(int fd);
