// SPDX-License-Identifier: MIT
/*
 * Names that mean something on a host or in its own network only (RFC 6761 and what the IANA has
 * added to its registry): no name server of the Internet knows them, and asking tells it what they
 * are.
 */
#pragma once

#include <stdbool.h>

/* `name` is in the form of api/host_name.h.  A name of one label is local too. */
bool local_name(const char *name);
