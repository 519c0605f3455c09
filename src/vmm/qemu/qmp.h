// SPDX-License-Identifier: MIT
/* QEMU's monitor, as far as it is needed: words at the start, saving, and why the guest ended. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* Writes into the monitor's socket, before QEMU is started, what it does once it listens: load the
 * state, without RAM, of `state_fd` (QEMU's number of it; -1: none). */
int qmp_hello(int fd, int state_fd, struct err *err);

/* Has the devices' state written to the file `state_fd`, without RAM.  The VM stands still then.
 * ERR_TIMEOUT after `deadline_ms` of clock_monotonic_ms(). */
int qmp_save(int fd, int state_fd, uint64_t deadline_ms, struct err *err);

/* Asks QEMU to end. */
int qmp_quit(int fd, struct err *err);

/* Reads what QEMU has said on its socket, after its end, without waiting.  A phrase for why the
 * guest ended: "the guest powered off"; NULL when it did not say. */
const char *qmp_end_of_guest(int fd);
