// SPDX-License-Identifier: MIT
/*
 * `matchlock log`: the bytes of a VM's log (reference: cli-and-rpc.md 6.2).
 *
 * Happy path: what came before (vm.log.1), then vm.log; with --follow then what is added to it,
 * also when the file has been changed for a new one, until the sandbox has ended or we get SIGINT
 * or SIGTERM, which is exit status 0.  The file is held open: what was written before it was
 * removed with its sandbox is still shown.
 * Failure modes: a file that is not there is empty.  An owner that lives on after its sandbox is
 * noticed by the row, which is read again every ROW_MS.
 */
#include "cli/cmd_log.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "cli/sandboxes.h"
#include "sandbox/gc.h"
#include "sandbox/vm_log.h"
#include "state/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROW_MS = 1000, CHUNK = 64 * 1024 };

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

struct follow {
	struct sandboxes *sandboxes;
	const char *id;
	const char *path;
	int file;		       /* -1: not there yet */
	int watch, owner, interrupted; /* inotify, pidfd, signalfd */
};

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

static int copy_new(struct follow *follow, struct err *err)
{
	if (copy_rest(follow->file, err) < 0)
		return -1;
	if (!is_other_file(follow->file, follow->path))
		return 0;
	/* What was added to the old file between reading and renaming. */
	if (copy_rest(follow->file, err) < 0)
		return -1;
	auto_close_(&follow->file);
	if (open_log(follow->path, &follow->file, err) < 0)
		return -1;
	return copy_rest(follow->file, err);
}

/* Waits for something to show: 1, or 0 when the sandbox has ended or the user has. */
static int await(struct follow *follow, struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	struct pollfd events[] = {
		{.fd = follow->watch, .events = POLLIN},
		{.fd = follow->owner, .events = POLLIN},
		{.fd = follow->interrupted, .events = POLLIN},
	};
	char names[4096] __attribute__((aligned(8)));
	int got = poll(events, ARRAY_SIZE(events), ROW_MS);

	if (got < 0)
		return err_sys(err, errno, "wait for the log");
	if (events[1].revents || events[2].revents)
		return 0;
	if (got > 0) /* which file it was does not matter */
		return read(follow->watch, names, sizeof(names)) > 0;
	if (state_get(follow->sandboxes->state, follow->id, &row, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	return row.status == SANDBOX_RUNNING;
}

static int follow_open(struct follow *follow, const char *dir, const struct sandbox_row *row,
		       struct err *err)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	follow->interrupted = signalfd(-1, &ending, SFD_CLOEXEC);
	follow->watch = inotify_init1(IN_CLOEXEC);
	if (follow->interrupted < 0 || follow->watch < 0)
		return err_sys(err, errno, "watch '%s'", dir);
	if (inotify_add_watch(follow->watch, dir, IN_MODIFY | IN_CREATE) < 0 && errno != ENOENT)
		return err_sys(err, errno, "watch '%s'", dir);
	return process_open(row->pid, row->pid_start, &follow->owner, err);
}

static void follow_done(struct follow *follow)
{
	auto_close_(&follow->file);
	auto_close_(&follow->watch);
	auto_close_(&follow->owner);
	auto_close_(&follow->interrupted);
}

/* What has been there when the owner ended is shown before this ends. */
static int follow_log(struct follow *follow, struct err *err)
{
	int more = 1;

	while (more > 0) {
		more = await(follow, err);
		if (more < 0 || copy_new(follow, err) < 0)
			return -1;
	}
	return 0;
}

static int show(struct sandboxes *sandboxes, const struct sandbox_row *row, bool follow_it,
		struct err *err)
{
	AUTO_FREE char *dir = NULL, *path = NULL, *old_path = NULL, *logs = NULL;
	AUTO(follow_done)
	struct follow follow = {sandboxes, row->id, NULL, -1, -1, -1, -1};
	AUTO_FD int old = -1;

	if (gc_directory(sandboxes->home, row->id, &dir, err) < 0)
		return -1;
	logs = path_join(dir, "logs");
	follow.path = path = path_join(dir, VM_LOG_FILE);
	old_path = path_join(dir, VM_LOG_OLD);
	follow_it = follow_it && row->status == SANDBOX_RUNNING;
	if (follow_it && follow_open(&follow, logs, row, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		follow_it = false; /* it has ended this moment */
	}
	if (open_log(old_path, &old, err) < 0 || open_log(path, &follow.file, err) < 0 ||
	    copy_rest(old, err) < 0 || copy_new(&follow, err) < 0)
		return -1;
	return follow_it ? follow_log(&follow, err) : 0;
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
