// SPDX-License-Identifier: MIT
/*
 * The private root of a confined process: a tmpfs with the listed paths bound into it read-only and
 * the listed files copied in, entered by pivot_root; the old root is detached, so no path leads to
 * it.  Runs in the child between fork and exec, in its own mount namespace: system calls only.
 * A file that comes as a descriptor cannot be bound through it, for it belongs to another mount
 * namespace: it is bound by its path if that leads to the same file, which shares its pages with
 * all others that use it; else it is copied.
 */
#include "base/auto.h"
#include "base/confine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The tmpfs is mounted here while it is filled.  Any directory that always exists will do, but none
 * of its content can be listed in `paths`. */
#define STAGE "/sys"

enum { TMPFS_SLACK = 1024 * 1024 };

int confine_tmpfs_options(const struct confine_spec *spec,
			  char ret_text[CONFINE_TMPFS_OPTIONS_SIZE], struct err *err)
{
	unsigned long long total = TMPFS_SLACK;

	for (size_t i = 0; i < spec->file_count; i++) {
		struct stat st;

		if (fstat(spec->files[i].fd, &st) < 0)
			return err_sys(err, errno, "stat the source of '%s'", spec->files[i].path);
		if (!S_ISREG(st.st_mode))
			return err_set(err, ERR_INVALID, "the source of '%s' is no regular file",
				       spec->files[i].path);
		total += (unsigned long long)st.st_size + 4096;
	}
	snprintf(ret_text, CONFINE_TMPFS_OPTIONS_SIZE, "mode=755,size=%llu,nr_inodes=1024", total);
	return 0;
}

/* STAGE followed by `path`; false when that is too long. */
static bool staged_path(const char *path, char ret_staged[PATH_MAX])
{
	size_t len = strlen(path);

	if (len + sizeof(STAGE) > PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(ret_staged, STAGE, sizeof(STAGE) - 1);
	memcpy(ret_staged + sizeof(STAGE) - 1, path, len + 1);
	return true;
}

/* Makes the missing parents of a staged path. */
static int make_parents(char *staged)
{
	for (char *p = staged + sizeof(STAGE); *p; p++) {
		int rc;

		if (*p != '/')
			continue;
		*p = '\0';
		rc = mkdir(staged, 0755);
		*p = '/';
		if (rc < 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int add_link(const char *path, const char *staged, struct child_failure *failure)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return child_fail(failure, "read link", path);
	target[len] = '\0';
	if (symlink(target, staged) < 0)
		return child_fail(failure, "make link", path);
	return 0;
}

/* A recursive bind: in a user namespace a tree without the mounts on it is refused. */
static int add_bind(const struct confine_path *path, const char *staged, mode_t mode,
		    struct child_failure *failure)
{
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

	if (path->flags & CONFINE_DEVICE)
		attr.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	if ((S_ISDIR(mode) ? mkdir(staged, 0755) : make_file(staged)) < 0)
		return child_fail(failure, "make mount point", path->path);
	if (mount(path->path, staged, NULL, MS_BIND | MS_REC, NULL) < 0)
		return child_fail(failure, "mount", path->path);
	if (mount_setattr(AT_FDCWD, staged, AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return child_fail(failure, "mount read-only", path->path);
	return 0;
}

static int add_path(const struct confine_path *path, struct child_failure *failure)
{
	char staged[PATH_MAX];
	struct stat st;

	if (lstat(path->path, &st) < 0) {
		if (errno == ENOENT && (path->flags & CONFINE_OPTIONAL))
			return 0;
		return child_fail(failure, "find", path->path);
	}
	if (!staged_path(path->path, staged) || make_parents(staged) < 0)
		return child_fail(failure, "make directory for", path->path);
	if (S_ISLNK(st.st_mode))
		return add_link(path->path, staged, failure);
	return add_bind(path, staged, st.st_mode, failure);
}

/* Whether `path` can be read and is the file of `fd`. */
static bool leads_to(const char *path, int fd)
{
	AUTO_FD int found = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat is, wanted;

	return found >= 0 && fstat(found, &is) == 0 && fstat(fd, &wanted) == 0 &&
	       is.st_dev == wanted.st_dev && is.st_ino == wanted.st_ino;
}

/* Binds the file of `fd` over the empty file `staged`; false, with nothing done, if it cannot. */
static bool bind_file(int fd, const char *staged)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					      MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
	char link[32], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* takes no lock and no memory */
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	if (!leads_to(path, fd) || mount(path, staged, NULL, MS_BIND, NULL) < 0)
		return false;
	/* Asked again, for the path may lead elsewhere by now. */
	if (leads_to(staged, fd) && mount_setattr(AT_FDCWD, staged, 0, &attr, sizeof(attr)) == 0)
		return true;
	umount2(staged, MNT_DETACH);
	return false;
}

static int add_file(const struct confine_file *file, struct child_failure *failure)
{
	char staged[PATH_MAX];
	AUTO_FD int fd = -1;
	off_t at = 0;
	ssize_t done;

	if (!staged_path(file->path, staged) || make_file(staged) < 0)
		return child_fail(failure, "create", file->path);
	if (bind_file(file->fd, staged))
		return 0;
	fd = open(staged, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return child_fail(failure, "create", file->path);
	do
		done = sendfile(fd, file->fd, &at, 0x7ffff000);
	while (done > 0 || (done < 0 && errno == EINTR));
	if (done < 0)
		return child_fail(failure, "copy", file->path);
	return 0;
}

/* With the current directory at the new root: swap, detach the old, make the new read-only. */
static int enter_stage(struct child_failure *failure)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					      MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};

	if (chdir(STAGE) < 0)
		return child_fail(failure, "enter", "private root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return child_fail(failure, "pivot_root", "");
	if (umount2(".", MNT_DETACH) < 0)
		return child_fail(failure, "detach", "old root");
	if (chdir("/") < 0)
		return child_fail(failure, "enter", "/");
	if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0)
		return child_fail(failure, "mount read-only", "private root");
	return 0;
}

int confine_root(const struct confine_spec *spec, const char *tmpfs_options,
		 struct child_failure *failure)
{
	umask(022);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return child_fail(failure, "make mounts private", "");
	if (mount("root", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, tmpfs_options) < 0)
		return child_fail(failure, "mount", "private root");
	for (size_t i = 0; i < spec->path_count; i++) {
		if (add_path(&spec->paths[i], failure) < 0)
			return -1;
	}
	for (size_t i = 0; i < spec->file_count; i++) {
		if (add_file(&spec->files[i], failure) < 0)
			return -1;
	}
	return enter_stage(failure);
}
