// SPDX-License-Identifier: MIT
/*
 * Named volumes: see volume.h.
 *
 * A new volume is made in a draft, a file with a name that no reader looks for, which is locked by
 * whoever makes it and gets its name by link(), which replaces nothing.
 * Failure modes: a name that exists or is none; a full disk; a maker that is killed leaves its
 * draft, which the next one removes, since nobody holds its lock.
 */
#include "state/volume.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/random.h"
#include "base/text.h"
#include "state/ext4.h"
#include "state/lock_file.h"
#include "state/volume_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX	    ".ext4"
#define DRAFT_START ".new."

enum { LOCK_MS = 10 * 1000 };

/* --- names --- */

static bool name_ok(const char *name)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > VOLUME_NAME_BYTES)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	}
	return true;
}

/* Without white space around it, malloc'ed. */
static int parse_name(const char *text, char **ret_name, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text);
	AUTO_FREE char *name = NULL;
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	for (len = strlen(text); len > 0 && isspace((unsigned char)text[len - 1]);)
		len--;
	name = xstrndup(text, len);
	if (!name_ok(name))
		return err_set(err, ERR_INVALID,
			       "invalid volume name: %s (letters, digits and '_', '.', '-', the "
			       "first a letter or digit, at most %d)",
			       shown, VOLUME_NAME_BYTES);
	*ret_name = STEAL(name);
	return 0;
}

static char *folder_of(const char *cache_home)
{
	return path_join(cache_home, "volumes");
}

static char *path_of(const char *cache_home, const char *name)
{
	return xasprintf("%s/volumes/%s" SUFFIX, cache_home, name);
}

static int not_found(const char *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "named volume not found: %s", name);
}

/* --- reading --- */

int volume_find(const char *cache_home, const char *name, char **ret_path, struct err *err)
{
	AUTO_FREE char *clean = NULL;
	AUTO_FREE char *path = NULL;

	if (parse_name(name, &clean, err) < 0)
		return -1;
	path = path_of(cache_home, clean);
	if (access(path, F_OK) < 0)
		return errno == ENOENT ? not_found(clean, err)
				       : err_sys(err, errno, "open '%s'", path);
	*ret_path = STEAL(path);
	return 0;
}

void volume_row_done(struct volume_row *row)
{
	free(row->name);
	free(row->path);
	*row = (struct volume_row){0};
}

void volume_rows_done(struct volume_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		volume_row_done(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct volume_rows){0};
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct volume_row *)a)->name, ((const struct volume_row *)b)->name);
}

static void add_entry(struct volume_rows *rows, const char *folder, const char *file)
{
	size_t len = strlen(file), end = strlen(SUFFIX);
	AUTO_FREE char *path = path_join(folder, file);
	AUTO_FREE char *name = NULL;
	struct stat st;

	if (len <= end || strcmp(file + len - end, SUFFIX) != 0)
		return;
	name = xstrndup(file, len - end);
	if (!name_ok(name) || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	rows->rows = xreallocarray(rows->rows, rows->count + 1, sizeof(*rows->rows));
	rows->rows[rows->count++] =
		(struct volume_row){STEAL(name), STEAL(path), (uint64_t)st.st_size};
}

int volume_list(const char *cache_home, struct volume_rows *ret_rows, struct err *err)
{
	AUTO_FREE char *folder = folder_of(cache_home);
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *entry;

	*ret_rows = (struct volume_rows){0};
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open '%s'", folder);
	while ((entry = readdir(dir)))
		add_entry(ret_rows, folder, entry->d_name);
	if (ret_rows->count > 0)
		qsort(ret_rows->rows, ret_rows->count, sizeof(*ret_rows->rows), compare);
	return 0;
}

/* --- drafts --- */

struct draft {
	char *name, *path; /* what the volume will be */
	char *draft_path;
	int fd; /* locked while the draft is made */
};

static void draft_done(struct draft *draft)
{
	if (draft->fd >= 0) {
		(void)unlink(draft->draft_path); /* or the next maker does it */
		close(draft->fd);
	}
	free(draft->name);
	free(draft->path);
	free(draft->draft_path);
}

/* What makers that were killed have left. */
static void remove_leftovers(const char *folder)
{
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *path = path_join(folder, entry->d_name);
		AUTO_FD int fd = -1;

		if (strncmp(entry->d_name, DRAFT_START, strlen(DRAFT_START)) != 0)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlink(path);
	}
}

/* A new file, locked before anybody may take it for a leftover. */
static int draft_file(struct draft *draft, const char *folder, struct err *err)
{
	AUTO_FREE char *lock_path = path_join(folder, ".lock");
	AUTO_FD int guard = -1;
	char suffix[9];

	if (lock_file_acquire(lock_path, LOCK_MS, &guard, err) < 0)
		return -1;
	remove_leftovers(folder);
	random_hex(suffix, 8);
	draft->draft_path = xasprintf("%s/" DRAFT_START "%s", folder, suffix);
	draft->fd = open(draft->draft_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (draft->fd < 0 || flock(draft->fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, errno, "create '%s'", draft->draft_path);
	return 0;
}

static int already_exists(const struct draft *draft, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "named volume already exists: %s", draft->name);
}

static int draft_begin(struct draft *draft, const char *cache_home, const char *name,
		       struct err *err)
{
	AUTO_FREE char *folder = folder_of(cache_home);

	if (parse_name(name, &draft->name, err) < 0)
		return -1;
	draft->path = path_of(cache_home, draft->name);
	if (access(draft->path, F_OK) == 0)
		return already_exists(draft, err);
	if (path_mkdirs(folder, 0700, err) < 0)
		return -1;
	return draft_file(draft, folder, err);
}

/* Gives it its name; after a crash of the host it is whole or not there. */
static int draft_commit(const struct draft *draft, struct err *err)
{
	if (fsync(draft->fd) < 0)
		return err_sys(err, errno, "write '%s'", draft->draft_path);
	if (link(draft->draft_path, draft->path) < 0)
		return errno == EEXIST ? already_exists(draft, err)
				       : err_sys(err, errno, "create '%s'", draft->path);
	return 0;
}

/* --- changing --- */

int volume_create(const char *cache_home, const char *name, int64_t size_mb,
		  struct volume_row *ret_row, struct err *err)
{
	AUTO(draft_done) struct draft draft = {.fd = -1};

	if (size_mb <= 0)
		return err_set(err, ERR_INVALID, "create named volume: size must be > 0 MB");
	if (size_mb > VOLUME_MB_MAX)
		return err_set(err, ERR_LIMIT, "create named volume: size must be <= %d MB",
			       VOLUME_MB_MAX);
	if (draft_begin(&draft, cache_home, name, err) < 0)
		return -1;
	if (ftruncate(draft.fd, (off_t)size_mb << 20) < 0)
		return err_sys(err, errno, "create named volume: size of '%s'", draft.path);
	if (ext4_format(draft.draft_path, size_mb, EXT4_KEPT, err) < 0)
		return err_wrap(err, "create named volume");
	if (draft_commit(&draft, err) < 0)
		return -1;
	*ret_row =
		(struct volume_row){STEAL(draft.name), STEAL(draft.path), (uint64_t)size_mb << 20};
	return 0;
}

/* Opens and locks a volume by its name. */
static int open_volume(struct state *state, const char *path, const char *name, bool read_only,
		       int *ret_fd, struct err *err)
{
	if (volume_file_open(state, path, read_only, ret_fd, err) == 0)
		return 0;
	return err->code == ERR_NOT_FOUND ? not_found(name, err) : -1;
}

int volume_copy(struct state *state, const char *cache_home, const char *from, const char *to,
		struct err *err)
{
	AUTO(draft_done) struct draft draft = {.fd = -1};
	AUTO_FREE char *source_name = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FD int source = -1;
	struct stat st;

	if (parse_name(from, &source_name, err) < 0)
		return -1;
	path = path_of(cache_home, source_name);
	if (strcmp(from, to) == 0)
		return err_set(err, ERR_INVALID,
			       "copy named volume: source and destination must be different");
	if (open_volume(state, path, source_name, true, &source, err) < 0 ||
	    draft_begin(&draft, cache_home, to, err) < 0)
		return -1;
	if (fstat(source, &st) < 0)
		return err_sys(err, errno, "copy named volume: '%s'", path);
	if (fd_copy_sparse(source, draft.fd, path, err) < 0)
		return err_wrap(err, "copy named volume");
	if (fchmod(draft.fd, st.st_mode & 0777) < 0 ||
	    futimens(draft.fd, (const struct timespec[]){st.st_atim, st.st_mtim}) < 0)
		return err_sys(err, errno, "copy named volume: '%s'", draft.path);
	(void)!fchown(draft.fd, st.st_uid, st.st_gid); /* as far as we may */
	return draft_commit(&draft, err);
}

int volume_remove(struct state *state, const char *cache_home, const char *name, struct err *err)
{
	AUTO_FREE char *clean = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FD int fd = -1;

	if (parse_name(name, &clean, err) < 0)
		return -1;
	path = path_of(cache_home, clean);
	if (open_volume(state, path, clean, false, &fd, err) < 0)
		return -1;
	if (unlink(path) < 0)
		return err_sys(err, errno, "remove '%s'", path);
	return 0;
}
