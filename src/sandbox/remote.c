// SPDX-License-Identifier: MIT
/*
 * Sandboxes of other processes: see remote.h.
 *
 * Happy path: a pidfd of the supervisor, surely the process that the row means, gets SIGTERM; the
 * supervisor stops the VM, cleans up and ends.  How long the guest gets stands in the state, where
 * the supervisor looks when the signal comes.
 * Failure modes: a supervisor that hangs is killed after the grace and what an orderly end takes
 * beyond it; its VM dies with it.  A VMM without supervisor should not exist, since the kernel
 * kills it with its parent; one that does is killed by pid and start time.
 */
#include "sandbox/remote.h"

#include "base/auto.h"
#include "base/log.h"
#include "sandbox/sandbox.h"
#include "state/process.h"

#include <signal.h>

enum {
	/* For what a supervisor does besides the guest's grace. */
	ORDERLY_MS = SANDBOX_SYNC_MS + 10 * 1000,
	KILL_MS = 2000,
};

int remote_end_vmm(const struct sandbox_row *row, struct err *err)
{
	AUTO_FD int vmm = -1;

	if (!process_alive(row->vmm_pid, row->vmm_start))
		return 0;
	if (process_open(row->vmm_pid, row->vmm_start, &vmm, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	if (process_signal(vmm, SIGKILL, err) < 0)
		return err_wrap(err, "VM process %ld", (long)row->vmm_pid);
	if (!process_wait(vmm, KILL_MS))
		return err_set(err, ERR_TIMEOUT, "VM process %ld does not end", (long)row->vmm_pid);
	return 1;
}

static int open_supervisor(const struct sandbox_row *row, int *ret_pidfd, struct err *err)
{
	if (row->status == SANDBOX_RUNNING &&
	    process_open(row->pid, row->pid_start, ret_pidfd, err) == 0)
		return 0;
	if (row->status == SANDBOX_RUNNING && err->code != ERR_NOT_FOUND)
		return -1;
	return err_set(err, ERR_CONFLICT, "VM %s is not running", row->id);
}

int remote_kill(const struct sandbox_row *row, struct err *err)
{
	AUTO_FD int supervisor = -1;
	struct err vmm_err;

	if (open_supervisor(row, &supervisor, err) == 0)
		return process_signal(supervisor, SIGTERM, err);
	switch (err->code == ERR_CONFLICT ? remote_end_vmm(row, &vmm_err) : 0) {
	case 1:
		return 0;
	case 0:
		return -1;
	default:
		*err = vmm_err;
		return -1;
	}
}

int remote_stop(struct state *state, const struct sandbox_row *row, uint64_t grace_ms,
		bool *ret_killed, struct err *err)
{
	AUTO_FD int supervisor = -1;

	if (open_supervisor(row, &supervisor, err) < 0)
		return -1;
	/* On a full disk a sandbox can be stopped all the same, with a grace of its own. */
	if (state_set_stop_grace(state, row->id, grace_ms, err) < 0)
		log_warn("sandbox", "%s: %s", row->id, err->msg);
	if (process_signal(supervisor, SIGTERM, err) < 0)
		return -1;
	*ret_killed = !process_wait(supervisor, (int)grace_ms + ORDERLY_MS);
	if (!*ret_killed)
		return 0;
	if (process_signal(supervisor, SIGKILL, err) < 0)
		return -1;
	if (!process_wait(supervisor, KILL_MS))
		return err_set(err, ERR_TIMEOUT, "process %ld of VM %s does not end",
			       (long)row->pid, row->id);
	return 0;
}
