// SPDX-License-Identifier: MIT
/* For unit tests of what lies on disk: a fresh directory, and children that share it. */
#pragma once

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A new directory; remove it with test_home_done(). */
static inline char *test_home_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/matchlock-test-XXXXXX", tmp ? tmp : "/tmp");

	if (!mkdtemp(path))
		abort();
	return path;
}

static inline void test_home_done(char *path)
{
	struct err err;

	if (path_remove_tree(path, &err) < 0)
		printf("# %s\n", err.msg);
	free(path);
}

/* Runs `fn` in a child; its failed checks make its status 1. */
static inline pid_t test_fork(void (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid > 0)
		return pid;
	tap_bad_ = 0;
	fn(arg);
	fflush(stdout);
	_exit(tap_bad_ != 0);
}

/* The status of a child: 0 when all its checks held. */
static inline int test_wait(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}
