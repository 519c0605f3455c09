// SPDX-License-Identifier: MIT
/*
 * Control groups: see cgroup.h.  Paths are those of the agent's own mount of the hierarchy.
 *
 * Failure modes: a controller that the kernel lacks is left out; a CPU limit that cannot be set is
 * an error, since the user asked for it.  Commands may make groups below their own, as Docker or
 * systemd do, so signals and removal walk down, to a bounded depth.
 */
#include "guest/cgroup.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "guest/fs.h"
#include "guest/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PERIOD_US = 100000, DEPTH_MAX = 16, PATH_SIZE = 64 };

static const struct fs_mount hierarchy = {
	.source = "cgroup2",
	.target = GUEST_CGROUP,
	.type = "cgroup2",
	.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC,
	.data = "nsdelegate,memory_recursiveprot",
};

/* All controllers, one by one: a kernel may refuse one of them. */
static void enable_controllers(void)
{
	char text[256], *rest = text;
	struct err ignored;

	fs_read_line(GUEST_CGROUP "/cgroup.controllers", text, sizeof(text));
	for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
		AUTO_FREE char *word = xasprintf("+%s", name);

		if (*name)
			(void)fs_write(GUEST_CGROUP "/cgroup.subtree_control", word, &ignored);
	}
}

int cgroup_start(uint64_t quota_us, struct err *err)
{
	AUTO_FREE char *limit = xasprintf("%llu %d", (unsigned long long)quota_us, PERIOD_US);

	if (fs_mount_all(&hierarchy, 1, err) < 0)
		return -1;
	enable_controllers();
	if (fs_mkdirs(GUEST_SANDBOX "/init", 0755, err) < 0)
		return -1;
	/* Whole CPUs are what the VM has: a quota would only be counted. */
	if (quota_us % PERIOD_US && fs_write(GUEST_SANDBOX "/cpu.max", limit, err) < 0)
		return err_wrap(err, "CPU limit");
	return 0;
}

int cgroup_enter(struct err *err)
{
	if (fs_write(GUEST_SANDBOX "/cgroup.procs", "0", err) < 0)
		return -1;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(err, errno, "new cgroup namespace");
	return fs_write(GUEST_SANDBOX "/init/cgroup.procs", "0", err);
}

static void path_of(unsigned id, const char *file, char ret_path[PATH_SIZE])
{
	snprintf(ret_path, PATH_SIZE, "%s/exec-%u%s", GUEST_SANDBOX, id, file);
}

int cgroup_make(unsigned id, int *ret_fd, struct err *err)
{
	char path[PATH_SIZE];
	int fd;

	path_of(id, "", path);
	if (mkdir(path, 0755) < 0)
		return err_sys(err, errno, "make control group '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open control group '%s'", path);
	*ret_fd = fd;
	return 0;
}

static void signal_members(int dir_fd, int signal)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *members = fd < 0 ? NULL : fdopen(fd, "re");
	int pid;

	if (!members)
		return;
	while (fscanf(members, "%d", &pid) == 1) {
		if (pid > 1)
			kill(pid, signal);
	}
	fclose(members);
}

/* Calls `visit` for the group and all below it, the deepest first.  Closes `dir_fd`. */
static void walk(int dir_fd, unsigned depth, void (*visit)(int dir_fd, int arg), int arg)
{
	int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
	struct dirent *entry;

	while (dir && depth < DEPTH_MAX && (entry = readdir(dir))) {
		int sub;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		sub = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub < 0)
			continue;
		walk(sub, depth + 1, visit, arg);
		unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR); /* refused while it has members */
	}
	if (dir)
		closedir(dir);
	if (visit)
		visit(dir_fd, arg);
	close(dir_fd);
}

static void walk_command(unsigned id, void (*visit)(int dir_fd, int arg), int arg)
{
	char path[PATH_SIZE];
	int fd;

	path_of(id, "", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		walk(fd, 0, visit, arg);
}

void cgroup_signal(unsigned id, int signal)
{
	walk_command(id, signal_members, signal);
}

void cgroup_kill(unsigned id)
{
	char path[PATH_SIZE];
	struct err ignored;

	path_of(id, "/cgroup.kill", path);
	(void)fs_write(path, "1", &ignored);
}

bool cgroup_is_empty(unsigned id)
{
	char path[PATH_SIZE], line[64];

	path_of(id, "/cgroup.events", path);
	fs_read_line(path, line, sizeof(line));
	return strcmp(line, "populated 1") != 0;
}

void cgroup_remove(unsigned id)
{
	char path[PATH_SIZE];

	path_of(id, "", path);
	if (rmdir(path) == 0 || errno == ENOENT)
		return;
	walk_command(id, NULL, 0);
	rmdir(path);
}
