// SPDX-License-Identifier: MIT
/*
 * The process that waits in a template: all that a command needs is made and confined before its
 * arguments are known, since that is most of the work of starting it.  Whoever asks for something
 * that was made otherwise is served the ordinary way, and the process ends.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct agent_exec;
struct agent_prepare;

struct waiting {
	int go_fd; /* where its arguments go; -1: nobody waits */
	char *user, *cwd;
};
#define WAITING_NONE        \
	{                   \
		.go_fd = -1 \
	}

/* `go_fd` becomes its own. */
void waiting_begin(struct waiting *waiting, const struct agent_prepare *prepare, int go_fd);

/* Whether it was made for such a command. */
bool waiting_fits(const struct waiting *waiting, const struct agent_exec *exec);

/* Hands the packed agent_exec over. */
int waiting_go(struct waiting *waiting, struct view request, struct err *err);

/* Nobody waits any more: the process, if there is one, ends by itself. */
void waiting_end(struct waiting *waiting);
