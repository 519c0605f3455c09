// SPDX-License-Identifier: MIT
/*
 * The waiting: see follow.h.
 *
 * Happy path: inotify tells of each change in the folder, whichever file it was, until the owner of
 * the sandbox has ended or a signal came.
 * Failure modes: an owner that lives on after its sandbox is noticed by the row, which is read
 * again every ROW_MS.
 */
#include "cli/follow.h"

#include "base/attr.h"
#include "base/auto.h"
#include "state/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { ROW_MS = 1000 };

int follow_open(struct follow *follow, struct sandboxes *sandboxes, const struct sandbox_row *row,
		const char *dir, struct err *err)
{
	sigset_t ending;

	follow->sandboxes = sandboxes;
	follow->id = row->id;
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

void follow_done(struct follow *follow)
{
	auto_close_(&follow->watch);
	auto_close_(&follow->owner);
	auto_close_(&follow->interrupted);
}

int follow_await(struct follow *follow, struct err *err)
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
		return errno == EINTR ? 1 : err_sys(err, errno, "wait for the sandbox");
	if (events[1].revents || events[2].revents)
		return 0;
	if (got > 0) /* which file it was does not matter */
		return read(follow->watch, names, sizeof(names)) > 0;
	if (state_get(follow->sandboxes->state, follow->id, &row, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	return row.status == SANDBOX_RUNNING;
}
