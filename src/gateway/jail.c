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
#include <linux/sockios.h>
#include <sys/prctl.h>

static const struct confine_path system_paths[] = {
	/* the dynamic linker */
	{"/lib", CONFINE_OPTIONAL},
	{"/lib64", CONFINE_OPTIONAL},
	{"/usr/lib", 0},
	{"/usr/lib64", CONFINE_OPTIONAL},
	{"/usr/local/lib", CONFINE_OPTIONAL},
	{"/etc/ld.so.cache", CONFINE_OPTIONAL},
#if MATCHLOCK_SANITIZED
	{"/proc", 0}, /* the sanitizer's run time reads its own maps */
#endif
};

/* Families 0 (a plain error), 2 and 8 (Internet, unused), 10 (Internet): no Unix socket, netlink,
 * packet, vsock. */
#define NO_INTERNET_FAMILY (~(uint32_t)(2 | 8))

static const struct confine_call calls[] = {
	/* what it is for; it binds nothing, so it has no server of its own */
	{.name = "accept4", .verdict = CONFINE_ALLOW},
	CALL_EPERM("bind"),
	{"socket", CONFINE_EPERM, CONFINE_IF_ANY, 0, NO_INTERNET_FAMILY},
	CALL_EPERM("socketpair"),
	{"ioctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 1, SIOCGSKNS},
	/* it may not outlive its supervisor, nor become readable to others */
	{"prctl", CONFINE_EPERM, CONFINE_IF_EQUAL, 0, PR_SET_PDEATHSIG},
	CALL_EPERM("kill"),
	CALL_EPERM("tkill"),
	CALL_EPERM("rt_sigqueueinfo"),
	CALL_EPERM("rt_tgsigqueueinfo"),
	CALL_EPERM("pidfd_send_signal"),
	CALL_EPERM("pidfd_open"),
	CALL_KILL("process_madvise"),
	CALL_EPERM("setpriority"),
	CALL_EPERM("sched_setscheduler"),
	CALL_EPERM("sched_setattr"),
	CALL_EPERM("migrate_pages"),
	CALL_EPERM("move_pages"),
#if !MATCHLOCK_SANITIZED
	CALL_EPERM("personality"),
#endif
	CALL_EPERM("truncate"), /* Landlock lets it, before ABI 3 */
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
