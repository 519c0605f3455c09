// SPDX-License-Identifier: MIT
/*
 * A detached supervisor: see detach.h.
 *
 * Happy path: options and image go into sealed memory, so that no secret stands in an argument
 * list; this program is started once more, in a session of its own, and answers over a socket: a
 * byte for how it went, then the id or the reason.  The image's blobs stay locked by the
 * descriptors that it inherits. Failure modes: the supervisor's reason; it dies without one.
 * Whoever waits here and is killed is missed by the supervisor, which then gives the start up.
 */
#include "cli/detach.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sealed.h"
#include "cli/forwarding.h"
#include "cli/run_handover.h"
#include "cli/supervisor.h"
#include "image/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 1024, ANSWER_READY = 'r', ANSWER_FAILED = 'f' };

/* Of the supervisor; then come its listeners and the locks of the image. */
enum { HANDOVER_FD = 3, ANSWER_FD, LISTENERS_FD };

/* --- who starts it --- */

static int start(const int *first, size_t first_count, const struct image *image,
		 struct proc *ret_proc, struct err *err)
{
	AUTO_FREE char *program = NULL;
	AUTO_FREE int *fds = xcalloc(first_count + image->layer_count, sizeof(*fds));
	struct proc_spec spec = PROC_SPEC_INIT;

	if (path_program(&program, err) < 0)
		return -1;
	memcpy(fds, first, first_count * sizeof(*fds));
	memcpy(fds + first_count, image->locks, image->layer_count * sizeof(*fds));
	spec.argv = (char *[]){program, (char *)"__supervise", NULL};
	spec.env = environ;
	spec.fds = fds;
	spec.fd_count = first_count + image->layer_count;
	spec.new_session = true;
	spec.detached = true;
	return proc_start(&spec, ret_proc, err);
}

/* One that ends without a word. */
static int describe_end(struct proc *supervisor, struct err *err)
{
	pid_t pid = supervisor->pid;
	char text[64];
	int status;

	if (proc_wait(supervisor, -1, &status, err) < 0)
		return -1;
	proc_describe(status, text, sizeof(text));
	return err_set(err, ERR_INTERNAL, "find detached VM for detached process pid=%ld: %s",
		       (long)pid, text);
}

static int read_answer(int fd, struct proc *supervisor, struct err *err)
{
	AUTO_BUF struct buf answer = BUF_INIT(ANSWER_BYTES);

	if (fd_read_to_end(fd, &answer, "the supervisor's answer", err) < 0)
		return -1;
	if (answer.len == 0)
		return describe_end(supervisor, err);
	if (answer.ptr[0] != ANSWER_READY)
		return err_set(err, ERR_UNAVAILABLE, "%s", answer.ptr + 1);
	printf("%s\n", answer.ptr + 1);
	return 0;
}

/* Options may hold the password of a proxy. */
static int seal_handover(const struct run_options *options, const struct image *image, int *ret_fd,
			 struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(RUN_HANDOVER_BYTES);
	int status;

	run_handover_pack(&bytes, options, image->layers, &image->config);
	status = buf_check(&bytes, "the sandbox's options", err);
	if (status == 0)
		status = sealed_new("run", (struct view){bytes.ptr, bytes.len}, ret_fd, err);
	explicit_bzero(bytes.ptr, bytes.len);
	return status;
}

int detach(const struct run_options *options, const int *listeners, const struct image *image,
	   struct err *err)
{
	AUTO_FREE int *fds = xcalloc(2 + options->port_count, sizeof(*fds));
	struct proc supervisor = PROC_INIT;
	AUTO_FD int handover_fd = -1;
	AUTO_FD int ours = -1;
	AUTO_FD int theirs = -1;
	int pair[2], status;

	if (seal_handover(options, image, &handover_fd, err) < 0 || fd_socketpair(pair, err) < 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	fds[0] = handover_fd;
	fds[1] = theirs;
	memcpy(fds + 2, listeners, options->port_count * sizeof(*fds));
	if (start(fds, 2 + options->port_count, image, &supervisor, err) < 0)
		return -1;
	close(STEAL_FD(theirs));
	status = read_answer(ours, &supervisor, err);
	if (status == 0)
		forwarding_print(options->ports, options->port_count);
	auto_close_(&supervisor.pidfd);
	return status;
}

/* --- the supervisor --- */

static void answer(int how, const char *text)
{
	AUTO_FREE char *message = xasprintf("%c%s", how, text);
	struct err ignored; /* nobody is left to be told */

	(void)fd_write_all(ANSWER_FD, message, strlen(message), "answer", &ignored);
	shutdown(ANSWER_FD, SHUT_WR);
}

static void on_ready(void *ctx, const char *id)
{
	bool *answered = ctx;

	*answered = true;
	answer(ANSWER_READY, id);
}

int cmd_supervise(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(RUN_HANDOVER_BYTES);
	AUTO(run_handover_done) struct run_handover handover = {0};
	AUTO_FREE int *listeners = NULL;
	bool answered = false;
	struct supervisor_job job = {
		.options = &handover.options,
		.image_config = &handover.image_config,
		.waiter_fd = ANSWER_FD,
		.ready = on_ready,
		.ctx = &answered,
	};
	int status;

	if (sealed_read(HANDOVER_FD, &bytes, "the sandbox's options", err) < 0)
		return err_wrap(err, "started by `run -d` only");
	if (close_range(LISTENERS_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ||
	    fd_set_cloexec(ANSWER_FD, true, err) < 0)
		return err_sys(err, errno, "protect descriptors");
	close(HANDOVER_FD);
	status = run_handover_unpack((struct view){bytes.ptr, bytes.len}, &handover, err);
	explicit_bzero(bytes.ptr, bytes.len);
	buf_done(&bytes);
	job.layers = handover.layers;
	job.listeners = listeners = xcalloc(handover.options.port_count, sizeof(*listeners));
	for (size_t i = 0; i < handover.options.port_count; i++)
		listeners[i] = LISTENERS_FD + (int)i;
	if (status == 0)
		status = supervisor_run(&job, &cli->exit_code, err);
	if (status < 0 && !answered)
		answer(ANSWER_FAILED, err->msg);
	return status;
}
