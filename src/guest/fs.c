// SPDX-License-Identifier: MIT
/* Directories, mounts and kernel files: see fs.h.  Keeps nothing. */
#include "guest/fs.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the link `path` leads, as a path from the root; malloc'ed. */
static char *link_target(const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	target[MAX(len, 0)] = '\0';
	return *target == '/'
		       ? xstrdup(target)
		       : xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
}

/* A link that leads nowhere becomes one that leads to a directory. */
static int make_directory(const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *target = NULL;
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, errno, "make directory '%s'", path);
	if (stat(path, &st) == 0 || errno != ENOENT)
		return 0; /* whoever uses it will see if it is no directory */
	target = link_target(path);
	return fs_mkdirs(target, mode, err); /* no endless chain: that would have been ELOOP */
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *copy = NULL;

	if (make_directory(path, mode, err) == 0)
		return 0;
	if (err->sys != ENOENT)
		return -1;
	copy = xstrdup(path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_directory(copy, 0755, err) < 0)
			return -1;
		*slash = '/';
	}
	return make_directory(path, mode, err);
}

static int mount_one(const struct fs_mount *m, struct err *err)
{
	if (fs_mkdirs(m->target, m->mode ? m->mode : 0755, err) < 0)
		return -1;
	if (mount(m->source, m->target, m->type, m->flags, m->data) < 0)
		return err_sys(err, errno, "mount %s on '%s'", m->type, m->target);
	return 0;
}

int fs_mount_all(const struct fs_mount *mounts, size_t count, struct err *err)
{
	struct err ignored;

	for (size_t i = 0; i < count; i++) {
		const struct fs_mount *m = &mounts[i];

		if (mount_one(m, m->optional ? &ignored : err) < 0 && !m->optional)
			return -1;
	}
	return 0;
}

int fs_write(const char *path, const char *text, struct err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	if (write(fd, text, strlen(text)) < 0)
		return err_sys(err, errno, "write '%s' to '%s'", text, path);
	return 0;
}

void fs_read_line(const char *path, char *ret_text, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, ret_text, size - 1);

	ret_text[got > 0 ? got : 0] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
}
