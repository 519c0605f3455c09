// SPDX-License-Identifier: MIT
/*
 * Confinement: see confine.h.  Done once, by the container's init, so that commands inherit it and
 * do not each pay for it.  Modules, raw I/O, tracing, mounts and reboot are gone; the rest of root
 * stays, as in Docker plus network administration.
 */
#include "guest/confine.h"

#include "base/attr.h"
#include "guest/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned dropped[] = {CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_PTRACE, CAP_SYS_ADMIN,
				   CAP_SYS_BOOT};

static int drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint32_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		mask |= BIT(dropped[i]);
		if (prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0) < 0)
			return err_sys(err, errno, "drop capability %u", dropped[i]);
	}
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, errno, "read capabilities");
	data[0].effective &= ~mask;
	data[0].permitted &= ~mask;
	data[0].inheritable = data[1].inheritable = 0;
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(err, errno, "set capabilities");
	return 0;
}

int confine_self(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "set no_new_privs");
	/* The filter first, while CAP_SYS_ADMIN is there; either alone would do. */
	if (seccomp_confine(err) < 0)
		return -1;
	return drop_capabilities(err);
}
