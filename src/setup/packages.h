// SPDX-License-Identifier: MIT
/* The programs of others that a sandbox needs: QEMU and mke2fs. */
#pragma once

#include "setup/host.h"

/* Installs what is missing by the distribution's package manager.  ERR_UNAVAILABLE when there is
 * none that we know. */
int packages_install(const struct host *host, struct err *err);
