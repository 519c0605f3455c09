// SPDX-License-Identifier: MIT
/*
 * The lowest layers as one blob: see merged.h.
 *
 * Happy path: the blob is there and gets a shared lock.  Else it is written under a temporary name
 * whose file is locked exclusively meanwhile (so neither another run nor gc touches it), synced
 * and renamed.
 *
 * Failure modes: those of merge_layers().  A crash leaves a temporary file that the next one, or
 * gc, takes away.
 */
#include "image/merged.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "crypto/digest.h"
#include "image/merge.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { MERGE_TIMEOUT_MS = 10 * 60 * 1000 };

static const char suffix[] = ".erofs";

/* DIR/sha256_HEX.erofs -> sha256:HEX, malloc'ed. */
static int diff_id_of(const char *path, char **ret_diff_id, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);
	AUTO_FREE char *text = NULL;

	if (len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0)
		len -= strlen(suffix);
	text = xstrndup(name, len);
	text[strcspn(text, "_")] = ':';
	if (!digest_is_valid(text))
		return err_set(err, ERR_INVALID, "layer '%s' does not have the name of a blob",
			       path);
	*ret_diff_id = STEAL(text);
	return 0;
}

/* Where the merged blob belongs, malloc'ed. */
static int merged_path(char *const *layers, size_t count, char **ret_path, struct err *err)
{
	AUTO(auto_strv) char **diff_ids = NULL;
	const char *slash = strrchr(layers[0], '/');
	char digest[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		char *diff_id;

		if (diff_id_of(layers[i], &diff_id, err) < 0)
			return -1;
		strv_take(&diff_ids, diff_id);
	}
	merge_digest((const char *const *)diff_ids, count, digest);
	digest[strcspn(digest, ":")] = '_';
	*ret_path = xasprintf("%.*s%s%s", slash ? (int)(slash + 1 - layers[0]) : 0, layers[0],
			      digest, suffix);
	return 0;
}

/* True if the open file is (still) what its path leads to. */
static bool is_at(int fd, const char *path)
{
	struct stat open_st, path_st;

	return fstat(fd, &open_st) == 0 && stat(path, &path_st) == 0 &&
	       open_st.st_dev == path_st.st_dev && open_st.st_ino == path_st.st_ino;
}

/* Opens the blob with its lock: 1, 0 if there is none, -1. */
static int open_blob(const char *path, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	if (store_flock(fd, LOCK_SH, DB_BUSY_MS, path, err) < 0)
		return -1;
	if (!is_at(fd, path))
		return 0; /* gc was quicker */
	*ret_fd = STEAL_FD(fd);
	return 1;
}

static int merge_paths(char *const *layers, size_t count, int out_fd, struct err *err)
{
	int fds[LIMIT_IMAGE_LAYERS];
	size_t opened = 0;
	int result = 0;

	if (count > LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_LIMIT, "more than %d layers", LIMIT_IMAGE_LAYERS);
	for (; opened < count && result == 0; opened += result == 0) {
		fds[opened] = open(layers[opened], O_RDONLY | O_CLOEXEC);
		if (fds[opened] < 0)
			result = err_sys(err, errno, "open layer '%s'", layers[opened]);
	}
	if (result == 0)
		result = merge_layers(fds, count, out_fd, 0, err);
	while (opened > 0)
		close(fds[--opened]);
	return result;
}

/* Makes a rename in the folder of `path` last. */
static int sync_folder(const char *path, struct err *err)
{
	AUTO_FREE char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "sync '%s'", dir);
	return 0;
}

/* Fills the temporary file, which is locked, and gives it its name. */
static int fill(char *const *layers, size_t count, int fd, const char *tmp, const char *path,
		struct err *err)
{
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, errno, "write '%s'", tmp);
	if (merge_paths(layers, count, fd, err) < 0) {
		unlink(tmp);
		if (err->sys == ENOSPC || err->sys == EDQUOT)
			err_set_(err, ERR_UNAVAILABLE,
				 "no space left for '%s': free some and try again", path);
		return -1;
	}
	if (fsync(fd) < 0 || rename(tmp, path) < 0)
		return err_sys(err, errno, "write '%s'", path);
	return sync_folder(path, err);
}

static int make_blob(char *const *layers, size_t count, const char *path, struct err *err)
{
	AUTO_FREE char *tmp = xasprintf("%s.tmp", path);
	AUTO_FD int fd = open(tmp, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", tmp);
	if (store_flock(fd, LOCK_EX, MERGE_TIMEOUT_MS, tmp, err) < 0)
		return -1;
	if (!is_at(fd, tmp))
		return 0; /* who had it before has given it its name, or removed it */
	return fill(layers, count, fd, tmp, path, err);
}

int merged_open(char *const *layers, size_t count, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = NULL;
	int got;

	if (merged_path(layers, count, &path, err) < 0)
		return -1;
	while ((got = open_blob(path, ret_fd, err)) == 0) {
		if (make_blob(layers, count, path, err) < 0)
			return err_wrap(err, "merge %zu layers", count);
	}
	return got < 0 ? -1 : 0;
}
