// SPDX-License-Identifier: MIT
/*
 * guest-init: the one program of the guest, in the role of the name that it is called by.
 *
 * init      PID 1 in the initramfs, started by the kernel
 * agent     PID 1 after that, started by itself
 * modprobe  started by the kernel to load a module: `modprobe -q -- NAME`
 */
#include "base/attr.h"
#include "base/err.h"
#include "guest/agent.h"
#include "guest/console.h"
#include "guest/init.h"
#include "guest/module.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int modprobe(int argc, char **argv)
{
	struct err err;

	if (argc < 2)
		return 1;
	if (module_request(argv[argc - 1], &err) == 0)
		return 0;
	/* Asking for what does not exist is common and no news: programs probe for features. */
	if (err.code != ERR_NOT_FOUND)
		console_log("modprobe: %s", err.msg);
	return 1;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *role = slash ? slash + 1 : argv[0];

	if (strcmp(role, "modprobe") == 0)
		return modprobe(argc, argv);
	if (getpid() != 1) {
		fprintf(stderr, "guest-init runs as PID 1 of a Matchlock VM only\n");
		return 1;
	}
	if (strcmp(role, "agent") == 0)
		agent_run();
	init_boot();
}
