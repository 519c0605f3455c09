// SPDX-License-Identifier: MIT
/*
 * QEMU and e2fsprogs from the distribution: its package manager checks their signatures and keeps
 * them up to date.  The first manager of the table that is installed is used.
 */
#include "setup/packages.h"

#include "base/attr.h"
#include "base/auto.h"
#include "vmm/qemu/program.h"

enum { MANAGER_WORDS = 6 };

struct manager {
	const char *refresh[MANAGER_WORDS]; /* brings its lists up to date; empty: not needed */
	const char *install[MANAGER_WORDS];
	const char *qemu, *mke2fs; /* the packages */
};

static const struct manager managers[] = {
	{
		{"apt-get", "-qq", "update"},
		{"apt-get", "-qq", "-y", "--no-install-recommends", "install"},
		"qemu-system-x86",
		"e2fsprogs",
	},
	{{0}, {"dnf", "-q", "-y", "install"}, "qemu-system-x86-core", "e2fsprogs"},
	{{0}, {"zypper", "-q", "-n", "install"}, "qemu-x86", "e2fsprogs"},
	{{0}, {"pacman", "-q", "--noconfirm", "-Sy"}, "qemu-system-x86", "e2fsprogs"},
};

static const struct manager *find_manager(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		if (host_has(managers[i].install[0]))
			return &managers[i];
	return NULL;
}

static int install(const struct host *host, const struct manager *manager,
		   const char *const *packages, struct err *err)
{
	const char *argv[MANAGER_WORDS + 3] = {0};
	size_t count = 0;

	for (size_t i = 0; i < MANAGER_WORDS && manager->install[i]; i++)
		argv[count++] = manager->install[i];
	for (size_t i = 0; packages[i]; i++)
		argv[count++] = packages[i];
	if (manager->refresh[0] && host_run(host, manager->refresh, err) < 0)
		return -1;
	return host_run(host, argv, err);
}

int packages_install(const struct host *host, struct err *err)
{
	const struct manager *manager = find_manager();
	const char *missing[3] = {0};
	AUTO_FREE char *qemu = NULL;
	size_t count = 0;
	struct err why;

	if (qemu_find(ACCEL_TCG, &qemu, &why) == 0)
		host_done("QEMU is installed: %s", qemu);
	else if (manager)
		missing[count++] = manager->qemu;
	if (host_has("mke2fs"))
		host_done("mke2fs is installed");
	else if (manager)
		missing[count++] = manager->mke2fs;
	if (!manager && (!qemu || !host_has("mke2fs")))
		return err_set(err, ERR_UNAVAILABLE,
			       "no package manager that is known here (apt-get, dnf, zypper, "
			       "pacman): install qemu-system-x86_64 and mke2fs by hand");
	return count == 0 ? 0 : install(host, manager, missing, err);
}
