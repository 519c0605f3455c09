// SPDX-License-Identifier: MIT
/*
 * Ubuntu 24.04 and later: a program without a profile makes a user namespace, but gets no
 * capability in it.  The profile restricts nothing; it is bound to the program's path, so a program
 * that has moved needs set-up again.
 */
#include "setup/apparmor.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

#define SYSCTL	"/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define PROFILE "/etc/apparmor.d/matchlock"

/* What a path in a profile may hold without being a pattern. */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-"

bool apparmor_restricts(void)
{
	AUTO_BUF struct buf text = BUF_INIT(64);
	struct err err;

	return fd_read_file(AT_FDCWD, SYSCTL, &text, &err) == 0 && text.ptr[0] == '1';
}

int apparmor_permit(const struct host *host, const char *binary, struct err *err)
{
	static const char *const load[] = {"apparmor_parser", "-r", PROFILE, NULL};
	AUTO_FREE char *profile = NULL;

	if (!apparmor_restricts()) {
		host_done("AppArmor does not keep %s from user namespaces", binary);
		return 0;
	}
	if (binary[strspn(binary, PLAIN)] != '\0')
		return err_set(err, ERR_INVALID,
			       "the path '%s' cannot stand in an AppArmor profile: install the "
			       "program elsewhere",
			       binary);
	profile = xasprintf("# Written by \"matchlock setup linux\".\n"
			    "abi <abi/4.0>,\n"
			    "include <tunables/global>\n"
			    "\n"
			    "profile matchlock %s flags=(unconfined) {\n"
			    "  userns,\n"
			    "}\n",
			    binary);
	if (host_write(host, PROFILE, profile, err) < 0)
		return -1;
	return host_run(host, load, err);
}
