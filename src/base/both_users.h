// SPDX-License-Identifier: MIT
/* For a test of confinement that root runs: once more as a user that is nobody in particular. */
#pragma once

#include "base/tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ORDINARY_UID = 60123, BOTH_USERS_ARGS_MAX = 16 };

/* Runs this program again as an ordinary user; its lines become comments, its result a check. */
static inline void run_as_user(int argc, char *const *argv)
{
	char number[16], setpriv[] = "setpriv", reuid[] = "--reuid", regid[] = "--regid",
			 groups[] = "--clear-groups";
	char *words[BOTH_USERS_ARGS_MAX + 8] = {setpriv, reuid, number, regid, number, groups};
	int status = 1, fds[2];
	char line[512];
	FILE *lines;
	pid_t child;

	TEST("all of it as an ordinary user");
	snprintf(number, sizeof(number), "%d", ORDINARY_UID);
	for (int i = 0; i < argc && i < BOTH_USERS_ARGS_MAX; i++)
		words[6 + i] = argv[i];
	CHECK(pipe(fds) == 0);
	child = fork();
	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execvp(words[0], words);
		_exit(127);
	}
	close(fds[1]);
	lines = fdopen(fds[0], "r");
	while (lines && fgets(line, sizeof(line), lines))
		printf("# user: %s", line);
	if (lines)
		fclose(lines);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}
