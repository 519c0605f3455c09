// SPDX-License-Identifier: MIT
/* `run -d`: a sandbox whose supervisor is a process of its own, without a terminal. */
#pragma once

#include "cli/cli.h"

struct image;
struct run_options;

/* Starts the supervisor, waits until its guest is ready, prints the sandbox's id.  A start that
 * fails is an error with the supervisor's reason, and leaves nothing.  The supervisor gets copies
 * of `listeners`, one for each of options->ports. */
int detach(const struct run_options *options, const int *listeners, const struct image *image,
	   struct err *err);

/* `__supervise`, the supervisor itself: what it needs is in descriptors that detach() gives it. */
int cmd_supervise(struct cli *cli, int argc, char **argv, struct err *err);
