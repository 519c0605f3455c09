// SPDX-License-Identifier: MIT
/* The capped log file: see vm_log.h. */
#include "sandbox/vm_log.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct vm_log {
	int fd; /* -1 once it has ended */
	size_t size;
};

int vm_log_open(const char *vm_dir, struct vm_log **ret_log, struct err *err)
{
	AUTO_FREE char *dir = path_join(vm_dir, "logs");
	AUTO_FREE char *path = path_join(dir, "vm.log");
	AUTO_FD int fd = -1;

	if (path_mkdirs(dir, 0700, err) < 0)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "create log file '%s'", path);
	*ret_log = xcalloc(1, sizeof(**ret_log));
	(*ret_log)->fd = STEAL_FD(fd);
	return 0;
}

void vm_log_free(struct vm_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}

void vm_log_write(struct vm_log *log, struct view bytes)
{
	size_t room = LIMIT_VM_LOG - log->size;
	size_t len = MIN(bytes.len, room);
	struct err err = {0};

	if (log->fd < 0 || len == 0)
		return;
	log->size += len;
	if (fd_write_all(log->fd, bytes.ptr, len, "log", &err) == 0 && len == bytes.len)
		return;
	if (err.code == ERR_NONE) {
		struct view end =
			VIEW_LIT("\n(matchlock: the log is full, the rest is not kept)\n");

		fd_write_all(log->fd, end.ptr, end.len, "log", &err);
	}
	if (err.code != ERR_NONE)
		log_warn("sandbox", "the VM's log ends here: %s", err.msg);
	close(log->fd);
	log->fd = -1;
}
