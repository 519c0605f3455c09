// SPDX-License-Identifier: MIT
/*
 * Which lock of the host keeps us from making namespaces, in words.  Asked in the parent after a
 * child has failed; reads a few files of /proc and changes nothing.  What cannot be told apart is
 * named as such rather than guessed.
 */
#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/proc_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The number in /proc/sys/`name`, or -1. */
static long sysctl_number(const char *path)
{
	AUTO_BUF struct buf text = BUF_INIT(64);
	struct err err;

	if (fd_read_file(AT_FDCWD, path, &text, &err) < 0)
		return -1;
	return strtol(text.ptr, NULL, 10);
}

const char *proc_namespace_lock(const char *step, int errnum)
{
	bool making = strcmp(step, PROC_STEP_NAMESPACES) == 0;

	if (making && (errnum == ENOSPC || errnum == EUSERS)) {
		if (sysctl_number("/proc/sys/user/max_user_namespaces") == 0)
			return "this host allows no user namespaces (user.max_user_namespaces is "
			       "0); ask its administrator to allow them";
		return "the host's limit of namespaces is reached (user.max_*_namespaces); end "
		       "other sandboxes or ask its administrator";
	}
	if (errnum != EPERM && errnum != EACCES)
		return NULL;
	if (sysctl_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		return "AppArmor restricts user namespaces on this host "
		       "(kernel.apparmor_restrict_unprivileged_userns is 1); it needs an AppArmor "
		       "profile for this program with the rule 'userns,'";
	if (!making)
		return NULL;
	if (sysctl_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		return "this host allows user namespaces to root only "
		       "(kernel.unprivileged_userns_clone is 0); run as root or ask its "
		       "administrator";
	return "user namespaces are refused here, as in a chroot or in a container whose seccomp "
	       "profile denies them; run on the host itself or with another profile";
}
