// SPDX-License-Identifier: MIT
/* What the PID 1 of a bare VM has in common with the others (bench/port_guest, bench/net_guest). */
#pragma once

/* Loads the modules of the initramfs, in their order. */
void bare_guest_load_modules(void);

/* Powers the VM off, having said why, if that is not NULL. */
void bare_guest_power_off(const char *why);
