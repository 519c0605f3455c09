// SPDX-License-Identifier: MIT
/* The SETUP request of a sandbox: see setup.h. */
#include "sandbox/setup.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/random.h"
#include "base/strv.h"
#include "wire/agent.h"

#include <string.h>
#include <time.h>

/* The scheduler's period, and the least that it takes as a quota. */
enum { CPU_PERIOD_US = 100000, CPU_QUOTA_MIN_US = 1000 };

/* "HOST:IP" as the spec has it becomes "IP HOST" as /etc/hosts has it. */
static char **hosts_lines(char *const *add_hosts)
{
	char **lines = NULL;

	for (size_t i = 0; add_hosts && add_hosts[i]; i++) {
		const char *colon = strchr(add_hosts[i], ':');

		if (colon)
			strv_take(&lines, xasprintf("%s %.*s", colon + 1,
						    (int)(colon - add_hosts[i]), add_hosts[i]));
	}
	return lines;
}

static char **dns_servers(const struct sandbox_spec *spec)
{
	char **list = strv_copy(spec->dns_servers);

	if (strv_count(list) == 0) {
		strv_add(&list, "8.8.8.8");
		strv_add(&list, "8.8.4.4");
	}
	return list;
}

int setup_pack(const struct sandbox_spec *spec, const char *id, const struct disks *disks,
	       struct buf *request, struct err *err)
{
	AUTO(auto_strv) char **hosts = hosts_lines(spec->add_hosts);
	AUTO(auto_strv) char **dns = dns_servers(spec);
	bool named = spec->hostname && *spec->hostname;
	AUTO_FREE char *hostname = xstrdup(named ? spec->hostname : id);
	struct agent_setup setup = {
		.protocol = AGENT_PROTOCOL,
		.hostname = hostname,
		.privileged = spec->privileged,
		.mtu = spec->no_network ? 0 : (uint32_t)spec->mtu,
		.cpu_quota_us = (uint64_t)MAX(spec->cpus * CPU_PERIOD_US, (double)CPU_QUOTA_MIN_US),
		.dns = dns,
		.hosts = hosts,
		.disk_count = disks->count,
		.disks = (struct agent_disk *)disks->agent,
	};

	random_bytes(setup.entropy, sizeof(setup.entropy));
	random_bytes(setup.machine_id, sizeof(setup.machine_id));
	agent_setup_pack(request, &setup);
	explicit_bzero(setup.entropy, sizeof(setup.entropy));
	return buf_check(request, "the sandbox's set-up", err);
}
