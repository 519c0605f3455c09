// SPDX-License-Identifier: MIT
/*
 * The image worker's jail: see worker_jail.h.  Tables.
 *
 * It keeps the host's root, since it writes with the user's own identity into his store, so what it
 * can open is Landlock's to say; the seccomp table takes away what Landlock does not know: Unix
 * sockets (whose servers would do the work for it), other processes, metadata of files, and the
 * large parts of the kernel that no download needs.
 */
#include "image/worker_jail.h"

#include "base/attr.h"
#include "base/confine_calls.h"
#include "base/limits.h"

#include <assert.h>
#include <sys/resource.h>

static const struct confine_path system_paths[] = {
	/* the dynamic linker */
	CONFINE_LIBRARIES,
	/* TLS */
	{"/etc/ssl", CONFINE_OPTIONAL},
	{"/etc/pki", CONFINE_OPTIONAL},
	{"/usr/share/ca-certificates", CONFINE_OPTIONAL},
	{"/usr/local/share/ca-certificates", CONFINE_OPTIONAL},
	/* the resolver; what these links lead to */
	{"/etc/resolv.conf", CONFINE_OPTIONAL},
	{"/etc/hosts", CONFINE_OPTIONAL},
	{"/etc/nsswitch.conf", CONFINE_OPTIONAL},
	{"/etc/host.conf", CONFINE_OPTIONAL},
	{"/etc/gai.conf", CONFINE_OPTIONAL},
#if MATCHLOCK_SANITIZED
	{"/proc", 0}, /* the sanitizer's run time reads its own maps */
#endif
};

static const struct confine_call denied_calls[] = {
	/* sockets: TCP and the resolver's UDP; a pair of streams wakes libcurl */
	CALL_INTERNET_SOCKETS,
	{"socketpair", CONFINE_EPERM, CONFINE_IF_ANY, 1, 2 | 4}, /* SOCK_STREAM is 1 */
#if !MATCHLOCK_SANITIZED
	CALL_EPERM("personality"),
#endif
};

static const struct proc_limit limits[] = {
#if !MATCHLOCK_SANITIZED
	{RLIMIT_DATA, LIMIT_WORKER_MEMORY},
#endif
	{RLIMIT_NOFILE, 128},
};

void worker_jail_init(struct worker_jail *jail, const char *program, const char *blobs_dir,
		      const char *ca_file)
{
	static const uint16_t usual_ports[] = {53, 80, 443};
	size_t count = 0;

	*jail = (struct worker_jail){.limits = limits, .limit_count = ARRAY_SIZE(limits)};
	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	jail->paths[count++] = (struct confine_path){blobs_dir, CONFINE_WRITABLE};
	if (ca_file)
		jail->paths[count++] = (struct confine_path){ca_file, CONFINE_OPTIONAL};
	assert(count <= WORKER_JAIL_PATHS_MAX);
	jail->spec = (struct confine_spec){.keep_root = true,
					   .paths = jail->paths,
					   .path_count = count,
					   .ports = jail->ports,
					   .common_calls = true,
					   .calls = denied_calls,
					   .call_count = ARRAY_SIZE(denied_calls)};
	for (size_t i = 0; i < ARRAY_SIZE(usual_ports); i++)
		worker_jail_add_port(jail, usual_ports[i]);
}

void worker_jail_add_port(struct worker_jail *jail, uint16_t port)
{
	if (jail->spec.port_count < WORKER_JAIL_PORTS_MAX)
		jail->ports[jail->spec.port_count++] = port;
}

void worker_jail_use(const struct worker_jail *jail, struct proc_spec *spec)
{
	spec->confine = &jail->spec;
	spec->limits = jail->limits;
	spec->limit_count = jail->limit_count;
}
