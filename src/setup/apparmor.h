// SPDX-License-Identifier: MIT
/* AppArmor's permission to make user namespaces, where the host asks for one. */
#pragma once

#include "setup/host.h"

/* Whether the host lets only programs with an AppArmor profile make user namespaces. */
bool apparmor_restricts(void);

/* Gives the program at `binary` such a profile, now and after each boot; does nothing on other
 * hosts. */
int apparmor_permit(const struct host *host, const char *binary, struct err *err);
