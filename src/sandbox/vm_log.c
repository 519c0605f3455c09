// SPDX-License-Identifier: MIT
/* The log in two files of limited size: see vm_log.h. */
#include "sandbox/vm_log.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct vm_log {
	char *path, *old_path;
	int fd; /* -1 once it has ended */
	size_t size;
};

static int open_file(struct vm_log *log, struct err *err)
{
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	log->size = 0;
	return log->fd < 0 ? err_sys(err, errno, "create log file '%s'", log->path) : 0;
}

int vm_log_open(const char *vm_dir, struct vm_log **ret_log, struct err *err)
{
	AUTO_FREE char *dir = path_join(vm_dir, "logs");
	AUTO(auto_vm_log) struct vm_log *log = NULL;

	if (path_mkdirs(dir, 0700, err) < 0)
		return -1;
	log = xcalloc(1, sizeof(*log));
	log->path = path_join(vm_dir, VM_LOG_FILE);
	log->old_path = path_join(vm_dir, VM_LOG_OLD);
	if (open_file(log, err) < 0)
		return -1;
	*ret_log = STEAL(log);
	return 0;
}

void vm_log_free(struct vm_log *log)
{
	if (!log)
		return;
	auto_close_(&log->fd);
	free(log->path);
	free(log->old_path);
	free(log);
}

static int rotate(struct vm_log *log, struct err *err)
{
	close(STEAL_FD(log->fd));
	if (rename(log->path, log->old_path) < 0)
		return err_sys(err, errno, "rename '%s'", log->path);
	return open_file(log, err);
}

static int append(struct vm_log *log, struct view bytes, struct err *err)
{
	while (bytes.len > 0) {
		size_t len = MIN(bytes.len, LIMIT_VM_LOG - log->size);

		if (fd_write_all(log->fd, bytes.ptr, len, "log", err) < 0)
			return -1;
		log->size += len;
		bytes = (struct view){bytes.ptr + len, bytes.len - len};
		if (log->size == LIMIT_VM_LOG && rotate(log, err) < 0)
			return -1;
	}
	return 0;
}

void vm_log_write(struct vm_log *log, struct view bytes)
{
	struct err err;

	if (log->fd < 0 || append(log, bytes, &err) == 0)
		return;
	log_warn("sandbox", "the VM's log ends here: %s", err.msg);
	if (log->fd >= 0)
		close(STEAL_FD(log->fd));
}
