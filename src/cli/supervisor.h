// SPDX-License-Identifier: MIT
/* The process that owns a sandbox, from its creation to its clean-up: `run`, in the foreground or
 * detached. */
#pragma once

#include "base/err.h"
#include "cli/run_options.h"

struct timings;

struct supervisor_job {				 /* all borrowed */
	const struct run_options *options;	 /* resolved */
	char *const *layers;			 /* of the image, base first */
	const struct image_config *image_config; /* as the image has it */
	struct timings *timings;		 /* NULL: nobody asks */
	int *listeners; /* one for each of options->ports; becomes -1 when it is taken over */

	/* Detached: what is to be said goes to the VM's log.  `ready` is called when the guest is;
	 * until then the end of the peer of the socket `waiter_fd` gives the sandbox up. */
	int waiter_fd; /* -1: in the foreground */
	void (*ready)(void *ctx, const char *id);
	void *ctx;
};

/* Runs the sandbox and returns when it is gone; *ret_exit_code is for the process, also after an
 * error.  Installs signal handlers: one at a time. */
int supervisor_run(const struct supervisor_job *job, int *ret_exit_code, struct err *err);
