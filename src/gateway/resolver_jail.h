// SPDX-License-Identifier: MIT
/*
 * The resolver process's jail: it reads what the host's name service needs, sends datagrams to
 * anybody and connects by TCP to port 53; no other file, no program, no other process.
 */
#pragma once

#include "base/confine.h"
#include "base/proc.h"

enum { RESOLVER_JAIL_PATHS_MAX = 32 };

/* Not to be moved once initialised. */
struct resolver_jail {
	struct confine_spec spec;
	struct confine_path paths[RESOLVER_JAIL_PATHS_MAX];
};

/* `program` is the path that is executed; borrowed. */
void resolver_jail_init(struct resolver_jail *jail, const char *program);
void resolver_jail_use(const struct resolver_jail *jail, struct proc_spec *spec);
