// SPDX-License-Identifier: MIT
/*
 * Opening and locking a disk's file: see volume_file.h.
 *
 * The kernel tells that a file is locked, not by whom.  The state does: the sandbox whose recorded
 * disks have this file.  What no row explains is somebody else's, or the last breath of a VM whose
 * supervisor was killed.
 *
 * Failure modes: the file is in use; it was removed between its opening and the lock.
 */
#include "state/volume_file.h"

#include "base/auto.h"
#include "base/clock.h"
#include "state/lifecycle.h"
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum {
	ENDING_MS = 5000,  /* how long to wait for a holder that is about to end */
	UNKNOWN_MS = 2000, /* and for one that nobody knows: a VM dies soon after its supervisor */
	RETRY_NS = 20 * 1000 * 1000,
};

/* --- who has it --- */

static bool has_file(const struct sandbox_row *row, const struct stat *file)
{
	json_t *config = json_loads(row->config_json, 0, NULL), *disk;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(config, "extra_disks"), i, disk)
	{
		const char *path = json_string_value(json_object_get(disk, "host_path"));
		struct stat st;

		found |= path && stat(path, &st) == 0 && st.st_dev == file->st_dev &&
			 st.st_ino == file->st_ino;
	}
	json_decref(config);
	return found;
}

static bool is_ending(struct state *state, const char *id)
{
	json_t *record = NULL;
	const char *phase;
	struct err ignored;
	bool ending;

	if (lifecycle_get(state, id, &record, &ignored) < 0)
		return true; /* it is gone by now */
	phase = json_string_value(json_object_get(record, "phase"));
	ending = phase && (strcmp(phase, phase_name(PHASE_STOPPING)) == 0 ||
			   strcmp(phase, phase_name(PHASE_CLEANING)) == 0);
	json_decref(record);
	return ending;
}

/* ERR_CONFLICT in `err`.  Returns for how long it is worth trying again. */
static unsigned describe_holder(struct state *state, const char *path, const struct stat *file,
				struct err *err)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	struct err ignored;

	if (state_list(state, &rows, &ignored) == 0) {
		for (size_t i = 0; i < rows.count; i++) {
			const struct sandbox_row *row = &rows.rows[i];

			if (row->status != SANDBOX_RUNNING || row->pid == getpid() ||
			    !has_file(row, file))
				continue;
			err_set_(err, ERR_CONFLICT,
				 "'%s' is in use by sandbox %s (process %ld): 'matchlock stop %s' "
				 "ends it",
				 path, row->id, (long)row->pid, row->id);
			return is_ending(state, row->id) ? ENDING_MS : 0;
		}
	}
	err_set_(err, ERR_CONFLICT, "'%s' is in use by another process ('fuser' names it)", path);
	return UNKNOWN_MS;
}

static int lock(struct state *state, int fd, const char *path, bool read_only, struct err *err)
{
	uint64_t start = clock_monotonic_ms();
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "open '%s'", path);
	while (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock '%s'", path);
		if (clock_monotonic_ms() - start >= describe_holder(state, path, &st, err))
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
	}
	return 0;
}

/* --- the file --- */

int volume_file_open(struct state *state, const char *path, bool read_only, int *ret_fd,
		     struct err *err)
{
	/* Not to wait for the other end of a pipe. */
	AUTO_FD int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "'%s' does not exist", path);
	if (fd < 0 && errno != EISDIR && errno != ENXIO)
		return err_sys(err, errno, "open '%s'", path);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is no regular file", path);
	if (lock(state, fd, path, read_only, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return err_set(err, ERR_NOT_FOUND, "'%s' was removed just now", path);
	*ret_fd = STEAL_FD(fd);
	return 0;
}
