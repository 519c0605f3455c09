// SPDX-License-Identifier: MIT
/*
 * Groups and their members, by the C library's databases, so that users and groups of a directory
 * service count too.  Changes are made by the system's own groupadd and usermod.
 */
#include "setup/groups.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <grp.h>
#include <pwd.h>

enum { GROUPS_OF_USER = 1024 }; /* beyond these a membership is not seen */

static const char *const device_groups[] = {"kvm", "netdev"};

bool groups_member(const char *user, const char *group)
{
	const struct passwd *account = getpwnam(user);
	const struct group *entry = getgrnam(group);
	AUTO_FREE gid_t *list = xcalloc(GROUPS_OF_USER, sizeof(*list));
	int count = GROUPS_OF_USER;

	if (!account || !entry)
		return false;
	if (getgrouplist(user, account->pw_gid, list, &count) < 0)
		count = GROUPS_OF_USER;
	for (int i = 0; i < count; i++)
		if (list[i] == entry->gr_gid)
			return true;
	return false;
}

int groups_make(const struct host *host, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_groups); i++) {
		const char *const argv[] = {"groupadd", "--system", device_groups[i], NULL};

		if (!getgrnam(device_groups[i]) && host_run(host, argv, err) < 0)
			return -1;
	}
	return 0;
}

int groups_enrol(const struct host *host, const char *user, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_groups); i++) {
		const char *const argv[] = {"usermod", "-aG", device_groups[i], user, NULL};

		if (groups_member(user, device_groups[i]))
			host_done("%s is in the group %s", user, device_groups[i]);
		else if (host_run(host, argv, err) < 0)
			return -1;
	}
	return 0;
}
