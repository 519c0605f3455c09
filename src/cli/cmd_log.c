// SPDX-License-Identifier: MIT
/*
 * `matchlock log`: the bytes of a VM's log (reference: cli-and-rpc.md 6.2).
 *
 * Happy path: what came before (vm.log.1), then vm.log; with --follow then what is added to it,
 * also when the file has been changed for a new one, until the sandbox has ended or we get SIGINT
 * or SIGTERM (cli/follow.h), which is exit status 0.  The file is held open: what was written
 * before it was removed with its sandbox is still shown.
 * Failure modes: a file that is not there is empty.
 */
#include "cli/cmd_log.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "cli/follow.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"
#include "sandbox/vm_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

const struct cli_option log_flags[] = {
	{
		.name = "follow",
		.letter = 'f',
		.help = "go on until the sandbox ends",
		.type = &cli_bool,
		.offset = offsetof(struct log_options, follow),
	},
	{0},
};

struct log {
	const char *path;
	int file; /* -1: not there yet */
};

static void log_done(struct log *log)
{
	auto_close_(&log->file);
}

/* A file that is not there is -1 and no error. */
static int open_log(const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret_fd < 0 && errno != ENOENT)
		return err_sys(err, errno, "open '%s'", path);
	return 0;
}

/* From where we are to the end of the file. */
static int copy_rest(int fd, struct err *err)
{
	char chunk[CHUNK];
	ssize_t got = 1;

	while (fd >= 0 && got > 0) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0)
			return err_sys(err, errno, "read the log");
		if (fd_write_all(STDOUT_FILENO, chunk, (size_t)got, "standard output", err) < 0)
			return -1;
	}
	return 0;
}

/* True if `path` is no longer the file at `fd`, or has come into being. */
static bool is_other_file(int fd, const char *path)
{
	struct stat now, held;

	if (stat(path, &now) < 0)
		return false;
	return fd < 0 || fstat(fd, &held) < 0 || now.st_ino != held.st_ino;
}

static int copy_new(struct log *log, struct err *err)
{
	if (copy_rest(log->file, err) < 0)
		return -1;
	if (!is_other_file(log->file, log->path))
		return 0;
	/* What was added to the old file between reading and renaming. */
	if (copy_rest(log->file, err) < 0)
		return -1;
	auto_close_(&log->file);
	if (open_log(log->path, &log->file, err) < 0)
		return -1;
	return copy_rest(log->file, err);
}

static int follow_log(struct log *log, struct follow *follow, struct err *err)
{
	int more = 1;

	while (more > 0) {
		more = follow_await(follow, err);
		if (more < 0 || copy_new(log, err) < 0)
			return -1;
	}
	return 0;
}

static int show(struct sandboxes *sandboxes, const struct sandbox_row *row, bool follow_it,
		struct err *err)
{
	AUTO_FREE char *dir = NULL, *path = NULL, *old_path = NULL, *logs = NULL;
	AUTO(follow_done) struct follow follow = FOLLOW_INIT;
	AUTO(log_done) struct log log = {NULL, -1};
	AUTO_FD int old = -1;

	if (gc_directory(sandboxes->home, row->id, &dir, err) < 0)
		return -1;
	logs = path_join(dir, "logs");
	log.path = path = path_join(dir, VM_LOG_FILE);
	old_path = path_join(dir, VM_LOG_OLD);
	follow_it = follow_it && row->status == SANDBOX_RUNNING;
	if (follow_it && follow_open(&follow, sandboxes, row, logs, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		follow_it = false; /* it has ended this moment */
	}
	if (open_log(old_path, &old, err) < 0 || open_log(path, &log.file, err) < 0 ||
	    copy_rest(old, err) < 0 || copy_new(&log, err) < 0)
		return -1;
	return follow_it ? follow_log(&log, &follow, err) : 0;
}

int cmd_log(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct log_options *options = cli->options;
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};

	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	if (state_get(sandboxes.state, argv[0], &row, err) < 0)
		return err->code == ERR_NOT_FOUND ? err_wrap(err, "VM not found %s", argv[0]) : -1;
	return show(&sandboxes, &row, options->follow, err);
}
