// SPDX-License-Identifier: MIT
/* A /dev/net/tun of our own, for a test that root runs: the host's may be for root only. */
#pragma once

#include "base/both_users.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define TUN_FOLDER "/dev/net"
#define TUN_NODE   TUN_FOLDER "/tun"

/* In a mount namespace of our own from here on; root only.  Mode 0: the node is missing. */
static inline void make_tun(mode_t mode)
{
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", TUN_FOLDER, "tmpfs", 0, "mode=0755") == 0);
	if (mode == 0)
		return;
	CHECK(mknod(TUN_NODE, S_IFCHR, makedev(10, 200)) == 0 && chmod(TUN_NODE, mode) == 0);
}

/* run_as_user() where that user may make TAPs. */
static inline void run_as_tun_user(int argc, char *const *argv)
{
	TEST("a /dev/net/tun for an ordinary user");
	make_tun(0666);
	run_as_user(argc, argv);
}
