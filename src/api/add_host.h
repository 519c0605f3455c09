// SPDX-License-Identifier: MIT
/* `--add-host HOST:IP`: a name for /etc/hosts of the guest (reference: cli-and-rpc.md 3.8). */
#pragma once

#include "base/err.h"

/* Checks `text` and gives it back as "HOST:IP" with the address in its canonical form; the name
 * holds no `:`, so the first one separates.  Malloc'ed, the caller's. */
int add_host_parse(const char *text, char **ret_mapping, struct err *err);
