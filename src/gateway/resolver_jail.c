// SPDX-License-Identifier: MIT
/*
 * The resolver process's jail: see resolver_jail.h.  Tables.
 *
 * It keeps the host's root, so that /etc/resolv.conf may be any link to anywhere.  What it can open
 * is Landlock's to say; seccomp takes away what Landlock does not know, Unix sockets above all: by
 * the session's bus, a key agent or a container engine, who takes this process over would be the
 * user himself.  The modules of the name service that have a server behind such a socket find it
 * missing, and the next one is asked (nss-resolve and nscd: the name server of resolv.conf, which
 * is the same one).  Names that only these have (mDNS, sssd) are not known to guests.
 */
#include "gateway/resolver_jail.h"

#include "base/attr.h"
#include "base/confine_calls.h"
#include "base/limits.h"

#include <assert.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { PORT_DNS = 53 };

static const uint16_t ports[] = {PORT_DNS};

static const struct confine_path system_paths[] = {
	/* the dynamic linker, also for modules of the name service */
	CONFINE_LIBRARIES,
	/* the name service; what these links lead to */
	{"/etc/resolv.conf", CONFINE_OPTIONAL},
	{"/etc/hosts", CONFINE_OPTIONAL},
	{"/etc/nsswitch.conf", CONFINE_OPTIONAL},
	{"/etc/host.conf", CONFINE_OPTIONAL},
	{"/etc/gai.conf", CONFINE_OPTIONAL},
	/* where resolv.conf is written anew while we run */
	{"/run/systemd/resolve", CONFINE_OPTIONAL},
	{"/run/NetworkManager", CONFINE_OPTIONAL},
	{"/run/resolvconf", CONFINE_OPTIONAL},
#if MATCHLOCK_SANITIZED
	{"/proc", 0}, /* the sanitizer's run time reads its own maps */
#endif
};

static const struct confine_call calls[] = {
	CALL_INTERNET_SOCKETS,
	CALL_EPERM("socketpair"),
	CALL_EPERM("bind"),
	/* it may not outlive its supervisor, nor become readable to others */
	{"prctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 0, PR_SET_PDEATHSIG},
#if !MATCHLOCK_SANITIZED
	CALL_EPERM("personality"),
#endif
};

static const struct proc_limit limits[] = {
	/* a few sockets each, and the files of the name service */
	{RLIMIT_NOFILE, 16 * LIMIT_RESOLVER_THREADS},
#if !MATCHLOCK_SANITIZED
	{RLIMIT_DATA, LIMIT_RESOLVER_MEMORY},
#endif
};

void resolver_jail_init(struct resolver_jail *jail, const char *program)
{
	size_t count = 0;

	*jail = (struct resolver_jail){0};
	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	assert(count <= RESOLVER_JAIL_PATHS_MAX);
	jail->spec = (struct confine_spec){.keep_root = true,
					   .ports = ports,
					   .port_count = ARRAY_SIZE(ports),
					   .paths = jail->paths,
					   .path_count = count,
					   .common_calls = true,
					   .calls = calls,
					   .call_count = ARRAY_SIZE(calls)};
}

void resolver_jail_use(const struct resolver_jail *jail, struct proc_spec *spec)
{
	spec->confine = &jail->spec;
	spec->limits = limits;
	spec->limit_count = ARRAY_SIZE(limits);
}
