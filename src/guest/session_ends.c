// SPDX-License-Identifier: MIT
/* Descriptors of a command: see session_ends.h.  What was made before a failure stays in `ends`
 * and goes with it. */
#include "guest/session_ends.h"

#include "guest/cgroup.h"
#include "guest/terminal.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIPE_SIZE = 1024 * 1024 };

void session_ends_done(struct session_ends *ends)
{
	for (size_t i = 0; i < CONTAINER_FDS; i++) {
		if (ends->ours[i] >= 0)
			close(ends->ours[i]);
		if (ends->theirs[i] >= 0)
			close(ends->theirs[i]);
	}
}

/* A pipe for `which`, which the command reads if `to_command`. */
static int make_pipe(struct session_ends *ends, enum container_fd which, bool to_command,
		     struct err *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	if (which == CONTAINER_STDIN || which == CONTAINER_STDOUT)
		fcntl(pair[0], F_SETPIPE_SZ, PIPE_SIZE); /* for speed only */
	ends->ours[which] = pair[to_command ? 1 : 0];
	ends->theirs[which] = pair[to_command ? 0 : 1];
	return 0;
}

static int make_terminal(const struct agent_exec *exec, struct session_ends *ends, struct err *err)
{
	int master;

	if (terminal_open(exec->rows, exec->cols, &master, &ends->pty, err) < 0)
		return -1;
	ends->ours[CONTAINER_STDOUT] = master;
	/* A second descriptor, as the loop has one handle for each. */
	ends->ours[CONTAINER_STDIN] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (ends->ours[CONTAINER_STDIN] < 0)
		return err_sys(err, errno, "second descriptor of a terminal");
	return 0;
}

int session_ends_make(const struct agent_exec *exec, unsigned id, bool waits,
		      struct session_ends *ends, struct err *err)
{
	if (make_pipe(ends, CONTAINER_STATUS, false, err) < 0 ||
	    cgroup_make(id, &ends->theirs[CONTAINER_CGROUP], err) < 0)
		return -1;
	if (waits && make_pipe(ends, CONTAINER_GO, true, err) < 0)
		return -1;
	if (exec->flags & AGENT_EXEC_TTY)
		return make_terminal(exec, ends, err);
	if ((exec->flags & AGENT_EXEC_STDIN) && make_pipe(ends, CONTAINER_STDIN, true, err) < 0)
		return -1;
	if (make_pipe(ends, CONTAINER_STDOUT, false, err) < 0)
		return -1;
	return make_pipe(ends, CONTAINER_STDERR, false, err);
}
