// SPDX-License-Identifier: MIT
/* The filter of system calls that commands of an unprivileged sandbox run under. */
#pragma once

#include "base/err.h"

/* Installs it for this process and all that come from it.  Needs no_new_privs or CAP_SYS_ADMIN. */
int seccomp_confine(struct err *err);
