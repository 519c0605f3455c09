// SPDX-License-Identifier: MIT
/*
 * What the image worker may do: write in the blobs folder, read what TLS and the resolver need,
 * connect by TCP to the ports it is told, use memory up to a limit.  No program, no other process,
 * no other file, no Unix socket.
 */
#pragma once

#include "base/confine.h"
#include "base/proc.h"

enum { WORKER_JAIL_PATHS_MAX = 32, WORKER_JAIL_PORTS_MAX = 40 };

struct worker_jail {
	struct confine_path paths[WORKER_JAIL_PATHS_MAX];
	uint16_t ports[WORKER_JAIL_PORTS_MAX];
	struct confine_spec spec;
	const struct proc_limit *limits;
	size_t limit_count;
};

/* All borrowed by `jail`; `ca_file` may be NULL.  Ports 53, 80 and 443 are allowed anyhow. */
void worker_jail_init(struct worker_jail *jail, const char *program, const char *blobs_dir,
		      const char *ca_file);
/* No more than WORKER_JAIL_PORTS_MAX; further ones are left out. */
void worker_jail_add_port(struct worker_jail *jail, uint16_t port);

/* Gives the jail to a process to be started. */
void worker_jail_use(const struct worker_jail *jail, struct proc_spec *spec);
