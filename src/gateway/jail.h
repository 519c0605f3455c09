// SPDX-License-Identifier: MIT
/*
 * The gateway's jail: no file can be opened but the libraries that the linker loads, no program
 * executed, no process seen; sockets are for the Internet only.  It keeps the host's network, for
 * it is the way out.
 */
#pragma once

#include "base/confine.h"
#include "base/proc.h"

enum { GATEWAY_JAIL_PATHS_MAX = 16, GATEWAY_JAIL_LIMITS = 2 };

/* Not to be moved once initialised. */
struct gateway_jail {
	struct confine_spec spec;
	struct confine_path paths[GATEWAY_JAIL_PATHS_MAX];
	struct proc_limit limits[GATEWAY_JAIL_LIMITS];
	size_t limit_count;
};

/* `program` is the path that is executed; borrowed. */
void gateway_jail_init(struct gateway_jail *jail, const char *program);
void gateway_jail_use(const struct gateway_jail *jail, struct proc_spec *spec);
