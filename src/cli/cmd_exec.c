// SPDX-License-Identifier: MIT
/*
 * `matchlock exec`: a command in a sandbox that another process owns (reference: cli-and-rpc.md 4).
 *
 * Happy path: flags -> row -> the supervisor's socket -> the command -> its exit code.  Without
 * flags the output is kept in files without a name until the command has ended.
 * Failure modes: no such sandbox, or one that does not run; the guest cannot run the command: its
 * reason and 126 or 127; everything else is told with the mode's words.
 */
#include "cli/cmd_exec.h"

#include "api/env.h"
#include "api/quote.h"
#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/attach.h"
#include "cli/complete.h"
#include "cli/sandboxes.h"
#include "cli/terminal.h"
#include "sandbox/session.h"
#include "sandbox/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct exec_options, member)

const struct cli_option exec_flags[] = {
	{
		.name = "interactive",
		.letter = 'i',
		.help = "pass standard input on to the command, and its output back as it comes",
		.type = &cli_bool,
		.offset = FIELD(interactive),
	},
	{
		.name = "tty",
		.letter = 't',
		.help = "with -i: give the command a terminal",
		.type = &cli_bool,
		.offset = FIELD(tty),
	},
	{
		.name = "stream",
		.help = "show the output as it comes; without -i it is otherwise shown when the "
			"command has ended, standard output first",
		.type = &cli_bool,
		.offset = FIELD(stream),
	},
	{
		.name = "env",
		.letter = 'e',
		.metavar = "KEY[=VALUE]",
		.help = "set a variable besides those of the sandbox; without a value it is taken "
			"from your environment (repeatable)",
		.type = &cli_array,
		.offset = FIELD(env),
		.complete = cli_offer_variables,
	},
	{
		.name = "env-file",
		.metavar = "file",
		.help = "set the variables of a file, one a line (repeatable)",
		.type = &cli_array,
		.offset = FIELD(env_file),
		.complete = cli_offer_files,
	},
	{
		.name = "workdir",
		.letter = 'w',
		.metavar = "path",
		.help = "the command's working directory instead of the sandbox's",
		.type = &cli_string,
		.offset = FIELD(workdir),
	},
	{
		.name = "user",
		.letter = 'u',
		.metavar = "user[:group]",
		.help = "run as this user, by name or number, instead of the sandbox's",
		.type = &cli_string,
		.offset = FIELD(user),
	},
	{0},
};

void exec_options_init(void *options)
{
	struct exec_options *exec = options;

	exec->workdir = xstrdup("");
	exec->user = xstrdup("");
}

void exec_options_done(void *options)
{
	struct exec_options *exec = options;

	free(exec->workdir);
	free(exec->user);
	strv_free(exec->env);
	strv_free(exec->env_file);
	*exec = (struct exec_options){0};
}

/* --- how it is run --- */

struct mode {
	uint32_t flags; /* enum agent_exec_flags */
	bool buffered;
	const char *failed; /* begins the error's text */
};

static struct mode mode_of(const struct exec_options *options)
{
	if (options->interactive && options->tty)
		return (struct mode){AGENT_EXEC_STDIN | AGENT_EXEC_TTY, false,
				     "interactive exec failed"};
	if (options->interactive)
		return (struct mode){AGENT_EXEC_STDIN, false, "pipe exec failed"};
	return (struct mode){0, !options->stream, "exec failed"};
}

/* The words after the id; with a terminal and without words a shell. */
static char **command_words(char *const *words, const struct mode *mode)
{
	char **command = strv_copy(words);

	if (strv_count(command) == 0 && (mode->flags & AGENT_EXEC_TTY))
		strv_add(&command, "sh");
	return command;
}

static int environment(const struct exec_options *options, const struct mode *mode, char ***ret_env,
		       struct err *err)
{
	AUTO(auto_strv) char **env = NULL;
	const char *term = getenv("TERM");

	for (size_t i = 0; options->env_file && options->env_file[i]; i++) {
		if (env_add_file(&env, options->env_file[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; options->env && options->env[i]; i++) {
		if (env_add(&env, options->env[i], err) < 0)
			return -1;
	}
	if ((mode->flags & AGENT_EXEC_TTY) && term && *term && !strv_getenv(env, "TERM"))
		strv_take(&env, xasprintf("TERM=%s", term));
	*ret_env = STEAL(env);
	return 0;
}

/* --- output that is kept until the end --- */

static int spool_open(const char *dir, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, "output.XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", path);
	unlink(path);
	*ret_fd = fd;
	return 0;
}

static int write_some(const struct stdio *to, const char *bytes, size_t len, struct err *err)
{
	while (len > 0) {
		struct pollfd wait = {.fd = to->fd, .events = POLLOUT};
		ssize_t done = stdio_write(to, bytes, len);

		if (done < 0 && errno == EAGAIN)
			poll(&wait, 1, -1);
		else if (done < 0 && errno != EINTR)
			return err_sys(err, errno, "write standard output");
		if (done > 0) {
			bytes += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

static int spool_print(int fd, int to_fd, struct err *err)
{
	AUTO(stdio_done) struct stdio to = {0};
	char bytes[64 * 1024];
	off_t at = 0;
	ssize_t got;

	stdio_init(&to, to_fd, true);
	while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		if (write_some(&to, bytes, (size_t)got, err) < 0)
			return -1;
		at += got;
	}
	return got < 0 ? err_sys(err, errno, "read the command's output") : 0;
}

static int attach_buffered(int sock, const char *dir, const struct agent_exec *exec,
			   int *ret_exit_code, struct err *err)
{
	AUTO_FD int out = -1;
	AUTO_FD int errors = -1;
	struct err print_err;
	int status;

	if (spool_open(dir, &out, err) < 0 || spool_open(dir, &errors, err) < 0)
		return -1;
	status = attach(sock, exec, (const int[]){STDIN_FILENO, out, errors}, ret_exit_code, err);
	if (spool_print(out, STDOUT_FILENO, &print_err) == 0 &&
	    spool_print(errors, STDERR_FILENO, &print_err) == 0)
		return status;
	*err = print_err;
	return -1;
}

/* --- the whole --- */

static int run(struct cli *cli, const struct mode *mode, const char *word, struct agent_exec *exec,
	       struct err *err)
{
	static const int own[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	AUTO_FREE char *dir = NULL;
	AUTO_FD int sock = -1;
	int status;

	if (sandboxes_connect(word, &dir, &sock, err) < 0)
		return -1;
	if ((mode->flags & AGENT_EXEC_TTY) && !isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID, "-it requires a TTY");
	status = mode->buffered ? attach_buffered(sock, dir, exec, &cli->exit_code, err)
				: attach(sock, exec, own, &cli->exit_code, err);
	if (status == 0)
		return 0;
	if (cli->exit_code != 126 && cli->exit_code != 127)
		return err_wrap(err, "%s", mode->failed);
	fprintf(stderr, "%s\n", err->msg); /* how the command ended, not our failure */
	return 0;
}

int cmd_exec(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct exec_options *options = cli->options;
	const struct mode mode = mode_of(options);
	const struct agent_size size = terminal_size(STDIN_FILENO);
	AUTO(auto_strv) char **words = command_words(argv + 1, &mode);
	AUTO(auto_strv) char **env = NULL;
	AUTO_FREE char *command = NULL;
	struct agent_exec exec = {
		.flags = mode.flags,
		.argv = words,
		.cwd = options->workdir,
		.user = options->user,
		.rows = size.rows,
		.cols = size.cols,
		.grace_ms = SESSION_CANCEL_GRACE_MS,
	};

	if (strv_count(words) == 0)
		return err_set(err, ERR_INVALID,
			       "command required (or use -it for interactive mode)");
	if (quote_command(words, &command, err) < 0)
		return -1;
	if (environment(options, &mode, &env, err) < 0)
		return err_wrap(err, "invalid environment variable");
	exec.command = command;
	exec.env = env;
	return run(cli, &mode, argv[0], &exec, err);
}
