// SPDX-License-Identifier: MIT
/*
 * One command: see exec.h.  The child is in its control group already and has the confinement of
 * the container's init.  Happy path: session and terminal or pipes, working directory, user,
 * environment, then `sh -c COMMAND` where the image has a shell, else the words themselves.
 *
 * A process that waits (guest/waiting.h) does all that its user and directory allow, says so by the
 * byte CONTAINER_READY, then reads the rest of its request to the end of the pipe; nothing there:
 * it is not needed.
 *
 * Failure modes and their exit codes, as shells have them: 127 no such command (or user, group),
 * 126 it cannot be executed, 1 everything else, such as a missing working directory.
 */
#include "guest/exec.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "guest/fs.h"
#include "guest/users.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { EXIT_FAILED = 1, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

void exec_fail(int status_fd, unsigned exit_code, const struct err *err)
{
	AUTO_BUF struct buf buf = BUF_INIT(PIPE_BUF);
	struct agent_failed failed = {.exit_code = exit_code, .text = (char *)err->msg};
	struct err ignored;

	agent_failed_pack(&buf, &failed);
	(void)fd_write_all(status_fd, buf.ptr, buf.len, "status", &ignored);
}

static int open_terminal(int pty, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/dev/pts/%d", pty);
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open terminal '%s'", path);
	if (ioctl(fd, TIOCSCTTY, 0) < 0) {
		err_sys_(err, errno, "take terminal '%s'", path);
		close(fd);
		return -1;
	}
	return fd;
}

static int attach_stdio(const struct exec_task *task, struct err *err)
{
	int fds[] = {task->fds[CONTAINER_STDIN], task->fds[CONTAINER_STDOUT],
		     task->fds[CONTAINER_STDERR]};

	if (task->pty >= 0) {
		fds[0] = fds[1] = fds[2] = open_terminal(task->pty, err);
		if (fds[0] < 0)
			return -1;
	} else if (fds[0] < 0) {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[0] < 0)
			return err_sys(err, errno, "open '/dev/null'");
	}
	for (int i = 0; i <= STDERR_FILENO; i++) {
		if (dup2(fds[i], i) < 0)
			return err_sys(err, errno, "descriptor %d", i);
	}
	return 0;
}

static int enter_directory(const char *cwd, struct err *err)
{
	if (*cwd == '\0' || chdir(cwd) == 0)
		return 0;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "working directory \"%s\" does not exist in the image", cwd);
	return err_sys(err, errno, "working directory \"%s\"", cwd);
}

/* Pipes and terminals become the user's, so that it can open /dev/stdout and its own tty. */
static void give_stdio(uid_t uid)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)) &&
		    fchown(fd, uid, (gid_t)-1) < 0)
			return; /* then only opening it by name fails */
	}
}

static int become(const struct user *user, struct err *err)
{
	if (user->uid != 0)
		give_stdio(user->uid);
	if (setgroups(user->group_count, user->groups) < 0)
		return err_sys(err, errno, "set groups");
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return err_sys(err, errno, "set group %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return err_sys(err, errno, "set user %u", user->uid);
	return 0;
}

static void complete_env(struct agent_exec *exec, const struct user *user)
{
	const char *home = strv_getenv(exec->env, "HOME");

	if (!strv_getenv(exec->env, "PATH"))
		strv_add(&exec->env, "PATH=" DEFAULT_PATH);
	if (!home || !*home) {
		AUTO_FREE char *entry = xasprintf("HOME=%s", user->home);

		strv_setenv(&exec->env, entry);
	}
}

/* True if `path` is a file; *ret_executable if this user may execute it. */
static bool is_program(const char *path, bool *ret_executable)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*ret_executable = access(path, X_OK) == 0;
	return true;
}

/* The file that `name` means with this PATH, as a shell looks it up; malloc'ed.  NULL if none;
 * *ret_denied says that there was one which may not be executed. */
static char *find_program(const char *name, const char *path, bool *ret_denied)
{
	bool executable = false;

	*ret_denied = false;
	if (strchr(name, '/'))
		return xstrdup(name);
	while (*name) {
		size_t len = strcspn(path, ":");
		AUTO_FREE char *candidate =
			xasprintf("%.*s%s%s", (int)len, path, len ? "/" : "", name);

		if (is_program(candidate, &executable)) {
			if (executable)
				return STEAL(candidate);
			*ret_denied = true;
		}
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return NULL;
}

static unsigned exit_code_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return EXIT_NOT_FOUND;
	case E2BIG:
	case ENOMEM:
		return EXIT_FAILED;
	default:
		return EXIT_NOT_EXECUTABLE;
	}
}

/* Returns only if it failed: the exit code.  `default_shell`, or NULL: what `sh` is on
 * DEFAULT_PATH, if that is known. */
static unsigned execute(const struct agent_exec *exec, const char *default_shell, struct err *err)
{
	const char *path = strv_getenv(exec->env, "PATH");
	bool known = default_shell && strcmp(path, DEFAULT_PATH) == 0, denied;
	AUTO_FREE char *shell = known ? xstrdup(default_shell) : find_program("sh", path, &denied);
	AUTO_FREE char *program = NULL;

	if (shell) {
		char *const argv[] = {(char *)"sh", (char *)"-c", exec->command, NULL};

		execve(shell, argv, exec->env);
		err_set_(err, ERR_IO, "matchlock: sh: %s", strerror(errno));
		return exit_code_of(errno);
	}
	program = find_program(exec->argv[0], path, &denied);
	if (!program) {
		err_set_(err, ERR_NOT_FOUND, "matchlock: %s: %s", exec->argv[0],
			 denied ? "permission denied" : "not found");
		return denied ? EXIT_NOT_EXECUTABLE : EXIT_NOT_FOUND;
	}
	execve(program, exec->argv, exec->env);
	err_set_(err, ERR_IO, "matchlock: %s: %s", exec->argv[0], strerror(errno));
	return exit_code_of(errno);
}

/* The request that a waiting process was made for is followed by the real one. */
static int await_request(const struct exec_task *task, struct agent_exec *exec, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const char ready = CONTAINER_READY;

	if (null_fd < 0)
		return err_sys(err, errno, "open '/dev/null'");
	prctl(PR_SET_NAME, "waiting");
	if (fd_write_all(task->fds[CONTAINER_STATUS], &ready, 1, "status", err) < 0 ||
	    fd_read_to_end(task->fds[CONTAINER_GO], &request, "arguments", err) < 0)
		return -1;
	if (request.len == 0)
		_exit(0);
	if (agent_exec_unpack((struct view){request.ptr, request.len}, exec, err) < 0)
		return -1;
	if (!(exec->flags & AGENT_EXEC_STDIN) && dup2(null_fd, STDIN_FILENO) < 0)
		return err_sys(err, errno, "descriptor 0");
	return 0;
}

/* Returns only if it failed: the exit code. */
static unsigned run(const struct exec_task *task, struct err *err)
{
	AUTO_FREE char *shell = NULL;
	struct agent_exec exec;
	struct user user;
	struct err ignored;
	sigset_t none;
	bool denied;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	(void)fs_write("/proc/self/oom_score_adj", "0", &ignored);
	if (agent_exec_unpack(task->request, &exec, err) < 0 || attach_stdio(task, err) < 0 ||
	    enter_directory(exec.cwd, err) < 0)
		return EXIT_FAILED;
	if (user_lookup(exec.user, &user, err) < 0) {
		err_wrap_(err, "matchlock");
		return EXIT_NOT_FOUND;
	}
	if (become(&user, err) < 0) {
		err_wrap_(err, "matchlock");
		return EXIT_NOT_FOUND;
	}
	if (task->fds[CONTAINER_GO] >= 0) {
		shell = find_program("sh", DEFAULT_PATH, &denied);
		if (await_request(task, &exec, err) < 0)
			return EXIT_FAILED;
	}
	complete_env(&exec, &user);
	return execute(&exec, shell, err);
}

void exec_child(const struct exec_task *task)
{
	struct err err;
	unsigned exit_code = run(task, &err);

	exec_fail(task->fds[CONTAINER_STATUS], exit_code, &err);
	_exit((int)exit_code);
}
