// SPDX-License-Identifier: MIT
/*
 * Child processes.  The only place that forks; no shell anywhere.
 *
 * A child inherits nothing by accident: its descriptors are the listed ones, its signal mask and
 * dispositions are the defaults, it dumps no core, and it is killed when the thread that started it
 * ends (so start long-lived children from the main thread).  What happens between fork and exec is
 * system calls only, so a process with threads may start children too.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct confine_spec;

struct proc_limit {
	int resource; /* RLIMIT_... */
	rlim_t value; /* soft and hard */
};

/* Start from PROC_SPEC_INIT.  Everything is borrowed during the call only. */
struct proc_spec {
	char *const *argv;		    /* argv[0]: absolute path (proc_find()) */
	char *const *env;		    /* NULL: empty */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
	const int *fds;			    /* become 3, 4, ... in the child */
	size_t fd_count;
	bool new_session; /* own session: no terminal, no Ctrl-C */
	bool detached;	  /* lives on when whoever started it ends */
	const struct proc_limit *limits;
	size_t limit_count;

	/* CLONE_NEWUSER|CLONE_NEWNET|...: namespaces to start in.  With CLONE_NEWUSER the caller's
	 * uid becomes 65534 inside and is the only one mapped, setgroups is denied; root changes to
	 * uid and gid 65534 for good before.  With CLONE_NEWPID the child is process 1 of its
	 * namespace. */
	unsigned namespaces;
	gid_t keep_group; /* when root changes to 65534: one group to keep; 0: none */

	const struct confine_spec *confine; /* base/confine.h; without `keep_root` needs
					     * NEWUSER and NEWNS; or NULL */
	int *ret_notify_fd; /* gets the caller's end of CONFINE_NOTIFY; needed if the table has it
			     */
};

#define PROC_SPEC_INIT                                           \
	{                                                        \
		.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 \
	}

/* A child that has not been waited for. */
struct proc {
	pid_t pid; /* 0: none */
	int pidfd; /* readable once it has ended; -1: none */
};

#define PROC_INIT            \
	{                    \
		.pidfd = -1, \
	}

/* Starts a child; returns once its exec has succeeded.  The error names the step that failed.
 * ERR_UNAVAILABLE when this host forbids user namespaces: the text says by which lock. */
int proc_start(const struct proc_spec *spec, struct proc *ret_proc, struct err *err);

/* Waits up to `timeout_ms` (-1: for ever), reaps the child and empties `proc`; *ret_status is as of
 * waitpid().  ERR_TIMEOUT: it still runs and `proc` is unchanged. */
int proc_wait(struct proc *proc, int timeout_ms, int *ret_status, struct err *err);

/* The status of a child whose pidfd is readable, without reaping it, so that `proc` stays as it is.
 */
int proc_peek(const struct proc *proc, int *ret_status, struct err *err);

/* SIGKILL, reap, empty.  An empty `proc` is allowed. */
void proc_kill(struct proc *proc);

/* "exit status 1", "killed by signal 9". */
void proc_describe(int status, char *ret_text, size_t size);

/* Starts a short helper and waits for it; its standard error is collected whatever the spec says.
 * A status other than 0 is ERR_IO "mke2fs: exit status 1: LAST LINE OF STDERR".  After `timeout_ms`
 * (-1: none) it is killed: ERR_TIMEOUT. */
int proc_run(const struct proc_spec *spec, int timeout_ms, struct err *err);

/* The same for a helper that reads `input` and answers on its standard output, whatever the spec
 * says of these.  The answer is appended to `output`, also when the helper fails; one that does not
 * fit ends the helper with ERR_LIMIT. */
int proc_run_io(const struct proc_spec *spec, struct view input, struct buf *output, int timeout_ms,
		struct err *err);

/* Runs `fn` in a forked child that fills `size` bytes (at most 4096) of result, which is what the
 * caller gets in `ret_result`.  The child keeps the caller's descriptors.  ERR_TIMEOUT when it took
 * longer, ERR_IO when it died; it is gone then.  `fn` must not allocate if the caller has threads.
 */
typedef void proc_call_fn(void *arg, void *ret_result);
int proc_call(proc_call_fn *fn, void *arg, int timeout_ms, void *ret_result, size_t size,
	      struct err *err);

/* For the function of a proc_call(): moves its process into a user namespace of its own and the
 * `namespaces` (CLONE_NEWNET|...) that belong to it.  There it is uid and gid 0, the only ones
 * mapped, and has all capabilities; outside it stays who it was.  ERR_UNAVAILABLE when this host
 * forbids it: the text says by which lock. */
int proc_unshare(unsigned namespaces, struct err *err);

/* The absolute path of a program by its name: $PATH, then the usual directories (sbin too, which
 * ordinary users lack).  ERR_NOT_FOUND. */
int proc_find(const char *program, char **ret_path, struct err *err);
