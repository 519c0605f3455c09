// SPDX-License-Identifier: MIT
/*
 * The gateway's jail: see jail.h.  Tables.
 *
 * It keeps the host's root, since root is where its program lies, and an ordinary user's namespace
 * would not hide more than Landlock does.  The seccomp table takes away what Landlock does not
 * know: Unix sockets (whose servers would do the work for it), other processes, and the way back
 * into the sealed namespace that its listening sockets belong to.
 */
#include "gateway/jail.h"

#include "base/attr.h"
#include "base/confine_calls.h"
#include "base/limits.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>

/* Whole groups of numbers: linux/sockios.h; FS_IOC_UNRESVSP and the like. */
enum { SOCKET_IOCTLS = 0x8900, FILE_IOCTLS = 'X' << 8 };

static const struct confine_path system_paths[] = {
	/* the dynamic linker */
	CONFINE_LIBRARIES,
#if MATCHLOCK_SANITIZED
	{"/proc", 0}, /* the sanitizer's run time reads its own maps */
#endif
};

static const struct confine_call calls[] = {
	/* what it is for; it binds nothing, so it has no server of its own */
	{.name = "accept4", .verdict = CONFINE_ALLOW},
	CALL_EPERM("bind"),
	CALL_INTERNET_SOCKETS,
	CALL_EPERM("socketpair"),
	/* By its sockets it could set up the sealed namespace, as its maker's user: devices and
	 * routes by ioctl (SIOCGSKNS is one of them), tables of iptables by options. */
	{"ioctl", CONFINE_EPERM, CONFINE_IF_FIELD, 1, 0xff00, SOCKET_IOCTLS},
	{"setsockopt", CONFINE_EPERM, CONFINE_IF_EQUAL, 1, IPPROTO_IP},
	{"setsockopt", CONFINE_EPERM, CONFINE_IF_EQUAL, 1, IPPROTO_IPV6},
	/* The audit is only ever added to: no cutting, no holes, no end of O_APPEND. */
	CALL_EPERM("ftruncate"),
	CALL_EPERM("fallocate"),
	{"ioctl", CONFINE_EPERM, CONFINE_IF_FIELD, 1, 0xff00, FILE_IOCTLS},
	{"fcntl", CONFINE_EPERM, CONFINE_IF_EQUAL, 1, F_SETFL},
	/* it may not outlive its supervisor, nor become readable to others */
	{"prctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 0, PR_SET_PDEATHSIG},
#if !MATCHLOCK_SANITIZED
	CALL_EPERM("personality"),
#endif
};

/* Two descriptors a connection, and two of a pipe while it is busy. */
static rlim_t descriptors(void)
{
	struct rlimit now;
	rlim_t wanted = 4 * (rlim_t)LIMIT_CONNECTIONS;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_max > wanted)
		return wanted;
	return now.rlim_max;
}

void gateway_jail_init(struct gateway_jail *jail, const char *program)
{
	size_t count = 0;

	*jail = (struct gateway_jail){0};
	for (; count < ARRAY_SIZE(system_paths); count++)
		jail->paths[count] = system_paths[count];
	jail->paths[count++] = (struct confine_path){program, 0};
	assert(count <= GATEWAY_JAIL_PATHS_MAX);
	jail->limits[jail->limit_count++] = (struct proc_limit){RLIMIT_NOFILE, descriptors()};
#if !MATCHLOCK_SANITIZED
	jail->limits[jail->limit_count++] = (struct proc_limit){RLIMIT_DATA, LIMIT_GATEWAY_MEMORY};
#endif
	jail->spec = (struct confine_spec){.keep_root = true,
					   .any_port = true,
					   .paths = jail->paths,
					   .path_count = count,
					   .common_calls = true,
					   .calls = calls,
					   .call_count = ARRAY_SIZE(calls)};
}

void gateway_jail_use(const struct gateway_jail *jail, struct proc_spec *spec)
{
	spec->confine = &jail->spec;
	spec->limits = jail->limits;
	spec->limit_count = jail->limit_count;
}
