// SPDX-License-Identifier: MIT
/* The groups that open the devices: who is in them, and putting a user into them. */
#pragma once

#include "setup/host.h"

/* Whether `user` is in `group` by the user database, which counts from the next login on; false if
 * either does not exist. */
bool groups_member(const char *user, const char *group);

/* Makes the groups kvm and netdev if they do not exist. */
int groups_make(const struct host *host, struct err *err);

/* Puts the user into them. */
int groups_enrol(const struct host *host, const char *user, struct err *err);
