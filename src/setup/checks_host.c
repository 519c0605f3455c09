// SPDX-License-Identifier: MIT
/*
 * What the host lets this user do.  Each check tries the thing itself (opens the device, makes the
 * namespaces) and looks at groups and locks only to tell why it failed and what mends it.
 */
#include "setup/checks_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc.h"
#include "setup/apparmor.h"
#include "setup/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define KVM "/dev/kvm"
#define TUN "/dev/net/tun"

enum {
	/* Those of the VMM's jail: if these can be made, it can. */
	JAIL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID,
	NAMESPACES_MS = 20000,
};

/* errno, or 0 if the device opens. */
static int try_open(const char *path)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void check_kvm_device(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	if (exists(KVM))
		check_set(result, CHECK_PASS, NULL, KVM " exists");
	else
		check_set(result, CHECK_WARN, "sudo modprobe kvm_intel || sudo modprobe kvm_amd",
			  "there is no " KVM ": its module is not loaded, or hardware "
			  "virtualisation is off in the firmware, or this is a VM without it");
}

/* The first processor's flags; all have the same. */
void check_cpu_virtualization(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO_BUF struct buf info = BUF_INIT(LIMIT_CONFIG_FILE);
	struct err err;
	char *flags;

	if (fd_read_file(AT_FDCWD, "/proc/cpuinfo", &info, &err) < 0) {
		check_set(result, CHECK_WARN, NULL, "%s", err.msg);
		return;
	}
	flags = strstr(info.ptr, "\nflags");
	for (char *word = flags ? strtok(flags, "\n") : NULL; (word = strtok(NULL, " \n"));) {
		if (strcmp(word, "vmx") != 0 && strcmp(word, "svm") != 0)
			continue;
		check_set(result, CHECK_PASS, NULL, "the processor has %s", word);
		return;
	}
	check_set(result, CHECK_WARN, NULL,
		  "the processor offers no hardware virtualisation: switch it on in the firmware, "
		  "or nested virtualisation in the host of this VM");
}

void check_kvm_access(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	int errnum = try_open(KVM);

	if (errnum == 0)
		check_set(result, CHECK_PASS, NULL, KVM " opens");
	else if (errnum == ENOENT)
		check_set(result, CHECK_WARN, NULL, "there is no " KVM " to open");
	else
		check_set(result, CHECK_WARN, FIX_SETUP, "cannot open " KVM ": %s",
			  strerror(errnum));
}

/* Membership counts only as far as the device does not open without it. */
static void check_group(const struct subject *subject, const char *group, const char *device,
			enum check_status bad, struct check_result *result)
{
	AUTO_FREE char *join = xasprintf("sudo matchlock setup user %s", subject->user);
	AUTO_FREE char *login = xasprintf("log out and back in, or: newgrp %s", group);
	bool member = groups_member(subject->user, group);

	if (try_open(device) == 0)
		check_set(result, CHECK_PASS, NULL,
			  member ? "%s is in the group %s"
				 : "%s is not in the group %s, and need not be: the device opens",
			  subject->user, group);
	else if (!exists(device))
		check_set(result, CHECK_PASS, NULL, "there is no %s that the group %s could open",
			  device, group);
	else if (member)
		check_set(result, bad, login, "%s is in the group %s, but this session is not",
			  subject->user, group);
	else
		check_set(result, bad, join, "%s is not in the group %s", subject->user, group);
}

void check_group_kvm(const struct subject *subject, struct check_result *result)
{
	check_group(subject, "kvm", KVM, CHECK_WARN, result);
}

void check_group_netdev(const struct subject *subject, struct check_result *result)
{
	check_group(subject, "netdev", TUN, CHECK_FAIL, result);
}

void check_tun_device(const struct subject *subject, struct check_result *result)
{
	int errnum = try_open(TUN);

	if (errnum == 0)
		check_set(result, CHECK_PASS, NULL, TUN " opens");
	else if (errnum == EACCES && groups_member(subject->user, "netdev"))
		check_set(result, CHECK_FAIL, "log out and back in, or: newgrp netdev",
			  "this session cannot open " TUN ": only --no-network works");
	else
		check_set(result, CHECK_FAIL, FIX_SETUP,
			  "cannot open " TUN " (%s): only --no-network works", strerror(errnum));
}

/* What lifts the lock that keeps this user from user namespaces. */
static const char *namespaces_fix(void)
{
	static const struct {
		const char *path, *fix;
	} locks[] = {
		{"/proc/sys/user/max_user_namespaces",
		 "the administrator decides: sysctl -w user.max_user_namespaces=16384"},
		{"/proc/sys/kernel/unprivileged_userns_clone",
		 "the administrator decides: sysctl -w kernel.unprivileged_userns_clone=1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		AUTO_BUF struct buf text = BUF_INIT(64);
		struct err err;

		if (fd_read_file(AT_FDCWD, locks[i].path, &text, &err) == 0 &&
		    strtol(text.ptr, NULL, 10) == 0)
			return locks[i].fix;
	}
	if (apparmor_restricts())
		return FIX_SETUP;
	return "run it outside of the chroot or container, or in docker with: docker run "
	       "--security-opt seccomp=unconfined";
}

void check_user_namespaces(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	AUTO_FREE char *program = NULL;
	char *argv[] = {NULL, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err;

	spec.argv = argv;
	spec.namespaces = JAIL_NAMESPACES;
	if (proc_find("true", &program, &err) == 0) {
		argv[0] = program;
		if (proc_run(&spec, NAMESPACES_MS, &err) == 0) {
			check_set(result, CHECK_PASS, NULL, "user namespaces can be made");
			return;
		}
	}
	check_set(result, CHECK_FAIL, namespaces_fix(), "%s", err.msg);
}
