// SPDX-License-Identifier: MIT
/* What an unprivileged sandbox takes from its processes. */
#pragma once

#include "base/err.h"

/* For this process and all that come from it, for good: five capabilities leave every set,
 * no_new_privs, the system call filter. */
int confine_self(struct err *err);
