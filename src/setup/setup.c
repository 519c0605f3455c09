// SPDX-License-Identifier: MIT
/*
 * The steps of set-up: see setup.h.
 *
 * QEMU comes from the distribution; the devices go to groups, which the user joins.  The steps of
 * earlier releases that are not needed any more (capabilities, IP forwarding, nftables) say so and
 * change nothing.  A step that fails ends the run unless the user wants what can be had; joining
 * the groups always counts.
 */
#include "setup/setup.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "setup/apparmor.h"
#include "setup/devices.h"
#include "setup/groups.h"
#include "setup/host.h"
#include "setup/packages.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OLD_SYSCTL "/etc/sysctl.d/99-matchlock.conf"

static int step_vmm(const struct host *host, const struct setup_options *options, struct err *err)
{
	if (options->install_dir)
		host_warn("--install-dir is not used: QEMU goes where the distribution puts it");
	return packages_install(host, err);
}

static int step_permissions(const struct host *host, const struct setup_options *options,
			    struct err *err)
{
	AUTO_FREE char *binary =
		realpath(options->binary ? options->binary : "/proc/self/exe", NULL);

	if (!binary) {
		host_warn("the binary '%s' does not exist", options->binary);
	} else {
		host_done("%s needs no capabilities: nothing is changed", binary);
		if (getxattr(binary, "security.capability", NULL, 0) > 0)
			host_warn("it has some of an earlier release: setcap -r %s", binary);
		if (apparmor_permit(host, binary, err) < 0)
			return -1;
	}
	return devices_open_up(host, err);
}

static int step_network(const struct host *host ML_UNUSED,
			const struct setup_options *options ML_UNUSED, struct err *err ML_UNUSED)
{
	host_done("IP forwarding is not needed: no sysctl is changed");
	host_done("each sandbox has a firewall of its own: no rule of the host is changed");
	if (access(OLD_SYSCTL, F_OK) == 0)
		host_warn("%s is of an earlier release: remove it unless something else needs IP "
			  "forwarding",
			  OLD_SYSCTL);
	return 0;
}

struct step {
	const char *name;
	size_t skip; /* the option that leaves it out */
	int (*run)(const struct host *host, const struct setup_options *options, struct err *err);
};

static const struct step steps[] = {
	{"vmm", offsetof(struct setup_options, skip_vmm), step_vmm},
	{"permissions", offsetof(struct setup_options, skip_permissions), step_permissions},
	{"network", offsetof(struct setup_options, skip_network), step_network},
};

/* Root may do it, and anybody may ask what would be done. */
static int check_rights(const char *command, bool dry_run, struct err *err)
{
	if (dry_run || geteuid() == 0)
		return 0;
	return err_set(err, ERR_DENIED,
		       "this command requires root privileges. Run with: sudo matchlock %s",
		       command);
}

static int check_user(const char *user, struct err *err)
{
	errno = 0;
	if (getpwnam(user))
		return 0;
	if (errno != 0 && errno != ENOENT)
		return err_sys(err, errno, "could not determine user: '%s'", user);
	return err_set(err, ERR_NOT_FOUND, "could not determine user: unknown user %s", user);
}

static int enrol(const struct host *host, const char *user, struct err *err)
{
	if (groups_enrol(host, user, err) < 0)
		return err_wrap(err, "setup step user");
	if (host->dry_run) {
		printf("\nNothing was changed.\n");
		return 0;
	}
	printf("\nSetup complete!\n"
	       "%s must log out and back in for the groups (kvm, netdev) to take effect; then "
	       "'matchlock diagnose' tells whether anything is missing.\n",
	       user);
	return 0;
}

char *setup_default_user(bool trust_user)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *account;

	if ((!name || !*name) && trust_user)
		name = getenv("USER");
	if (name && *name)
		return xstrdup(name);
	account = getpwuid(getuid());
	return account ? xstrdup(account->pw_name) : xasprintf("%u", (unsigned)getuid());
}

int setup_linux(const struct setup_options *options, struct err *err)
{
	const struct host host = {.dry_run = options->dry_run};
	AUTO_FREE char *user = options->user ? xstrdup(options->user) : setup_default_user(false);

	if (check_rights("setup linux", options->dry_run, err) < 0 || check_user(user, err) < 0)
		return -1;
	if (groups_make(&host, err) < 0)
		return err_wrap(err, "setup step user");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct step *step = &steps[i];

		if (*(const bool *)((const char *)options + step->skip) ||
		    step->run(&host, options, err) == 0)
			continue;
		if (!options->best_effort)
			return err_wrap(err, "setup step %s", step->name);
		host_warn("%s failed: %s", step->name, err->msg);
	}
	return enrol(&host, user, err);
}

int setup_user(const char *user, bool dry_run, struct err *err)
{
	const struct host host = {.dry_run = dry_run};

	if (check_rights("setup user <name>", dry_run, err) < 0 || check_user(user, err) < 0)
		return -1;
	if (groups_make(&host, err) < 0)
		return err_wrap(err, "setup step user");
	return enrol(&host, user, err);
}
