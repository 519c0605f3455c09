// SPDX-License-Identifier: MIT
/* The agent's end of the process that waits: see waiting.h; the other end is in exec.c. */
#include "guest/waiting.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "wire/agent.h"

#include <string.h>

void waiting_begin(struct waiting *waiting, const struct agent_prepare *prepare, int go_fd)
{
	*waiting = (struct waiting){
		.go_fd = go_fd,
		.user = xstrdup(prepare->user),
		.cwd = xstrdup(prepare->cwd),
	};
}

bool waiting_fits(const struct waiting *waiting, const struct agent_exec *exec)
{
	return waiting->go_fd >= 0 && !(exec->flags & AGENT_EXEC_TTY) &&
	       strcmp(waiting->user, exec->user) == 0 && strcmp(waiting->cwd, exec->cwd) == 0;
}

int waiting_go(struct waiting *waiting, struct view request, struct err *err)
{
	int status = fd_write_all(waiting->go_fd, request.ptr, request.len,
				  "the process that waits", err);

	waiting_end(waiting);
	return status;
}

void waiting_end(struct waiting *waiting)
{
	auto_close_(&waiting->go_fd);
	free(waiting->user);
	free(waiting->cwd);
	*waiting = (struct waiting)WAITING_NONE;
}
