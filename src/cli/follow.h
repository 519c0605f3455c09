// SPDX-License-Identifier: MIT
/* Waits for what is added to files of a sandbox that runs: `log -f`, `audit -f`. */
#pragma once

#include "base/err.h"
#include "cli/sandboxes.h"

struct follow {
	struct sandboxes *sandboxes;
	const char *id;
	int watch, owner, interrupted; /* inotify, pidfd, signalfd */
};

#define FOLLOW_INIT                                         \
	{                                                   \
		.watch = -1, .owner = -1, .interrupted = -1 \
	}

/* Begins to watch the files of the folder `dir`, which need not be there.  SIGINT and SIGTERM no
 * longer end this process, but the waiting.  The others are borrowed.  ERR_NOT_FOUND: the sandbox
 * has ended this moment. */
int follow_open(struct follow *follow, struct sandboxes *sandboxes, const struct sandbox_row *row,
		const char *dir, struct err *err);
void follow_done(struct follow *follow);

/* Waits until there may be something new: 1, or 0 when the sandbox has ended or the user has; what
 * was written before that is to be shown then. */
int follow_await(struct follow *follow, struct err *err);
