// SPDX-License-Identifier: MIT
/* Host paths: see path.h. */
#include "base/path.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_join(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

int path_mkdirs(const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path);

	for (char *p = copy + 1; *copy; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_sys(err, errno, "create directory '%s'", copy);
		if (c == '\0')
			break;
		*p = c;
	}
	return 0;
}

static int remove_children(int fd, dev_t dev, struct err *err);

static int remove_entry(int dirfd, const char *name, dev_t dev, struct err *err)
{
	struct stat st;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, errno, "remove '%s'", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "stat '%s'", name);
	if (!S_ISDIR(st.st_mode) || st.st_dev != dev)
		return err_set(err, ERR_CONFLICT, "remove '%s': is a mount or protected", name);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open '%s'", name);
	if (remove_children(fd, dev, err) < 0)
		return err_wrap(err, "%s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove directory '%s'", name);
	return 0;
}

/* Takes ownership of `fd`. */
static int remove_children(int fd, dev_t dev, struct err *err)
{
	AUTO_DIR DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		int errnum = errno;

		close(fd);
		return err_sys(err, errnum, "read directory");
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_entry(fd, entry->d_name, dev, err) < 0)
			return -1;
	}
	return 0;
}

int path_remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "stat '%s'", path);
	return remove_entry(AT_FDCWD, path, st.st_dev, err);
}

static int home_below(const char *below, char **ret_path, struct err *err)
{
	const char *home = getenv("HOME");

	if (!home || home[0] != '/')
		return err_set(err, ERR_INVALID,
			       "HOME is not set to an absolute path: set it, or set MATCHLOCK_HOME "
			       "and MATCHLOCK_CACHE");
	*ret_path = path_join(home, below);
	return 0;
}

int path_state_home(char **ret_path, struct err *err)
{
	const char *dir = getenv("MATCHLOCK_HOME");

	if (dir && dir[0] == '/') {
		*ret_path = xstrdup(dir);
		return 0;
	}
	if (dir && dir[0])
		return err_set(err, ERR_INVALID, "MATCHLOCK_HOME '%s' is not an absolute path",
			       dir);
	return home_below(".matchlock", ret_path, err);
}

int path_cache_home(char **ret_path, struct err *err)
{
	const char *dir = getenv("MATCHLOCK_CACHE");

	if (dir && dir[0] == '/') {
		*ret_path = xstrdup(dir);
		return 0;
	}
	if (dir && dir[0])
		return err_set(err, ERR_INVALID, "MATCHLOCK_CACHE '%s' is not an absolute path",
			       dir);
	dir = getenv("XDG_CACHE_HOME");
	if (dir && dir[0] == '/') {
		*ret_path = path_join(dir, "matchlock");
		return 0;
	}
	return home_below(".cache/matchlock", ret_path, err);
}

int path_program(char **ret_path, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		return err_sys(err, errno, "read '/proc/self/exe'");
	*ret_path = xstrndup(path, (size_t)len);
	return 0;
}

/* The directory of the running program. */
static char *program_dir(void)
{
	AUTO_FREE char *path = NULL;
	struct err ignored; /* then there are other places to look at */
	char *slash;

	if (path_program(&path, &ignored) < 0)
		return NULL;
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return NULL;
	*slash = '\0';
	return STEAL(path);
}

/* `name` in `folder` ("lib/matchlock") beside the program's bin, beside the program, in PREFIX. */
static int find_installed(const char *folder, const char *name, char **ret_path, struct err *err)
{
	AUTO_FREE char *dir = program_dir();
	AUTO_FREE char *beside = xasprintf("%s/%s/%s", dir ? dir : "", folder, name);
	AUTO_FREE char *parent = xasprintf("%s/../%s/%s", dir ? dir : "", folder, name);
	AUTO_FREE char *prefix = xasprintf("%s/%s/%s", MATCHLOCK_PREFIX, folder, name);
	const char *tried[] = {parent, beside, prefix};

	for (size_t i = 0; i < ARRAY_SIZE(tried); i++) {
		if (access(tried[i], F_OK) == 0) {
			*ret_path = xstrdup(tried[i]);
			return 0;
		}
	}
	return err_set(err, ERR_NOT_FOUND,
		       "'%s' is not installed (looked for %s, %s): run 'make' or install the "
		       "matchlock package",
		       name, beside, prefix);
}

int path_artefact(const char *name, char **ret_path, struct err *err)
{
	return find_installed("lib/matchlock", name, ret_path, err);
}

int path_helper(const char *name, char **ret_path, struct err *err)
{
	return find_installed("libexec/matchlock", name, ret_path, err);
}
