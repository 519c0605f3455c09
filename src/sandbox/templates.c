// SPDX-License-Identifier: MIT
/*
 * The store of templates: see templates.h.
 *
 * Opening is on the way of each start: one open of the folder, one small file, three files, no
 * lock.  A template that is removed meanwhile stays usable for those who have it open.
 * Failure modes: whatever is wrong with a template makes it ERR_NOT_FOUND or an error that the
 * caller treats alike: it goes on without.
 */
#include "sandbox/templates_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/random.h"
#include "base/strv.h"
#include "state/lock_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TSC_TOLERANCE_PPM = 50 };

/* The calibration of a template's clock is that of its host, which is measured anew at each boot of
 * the host. */
static bool tsc_fits(unsigned made, unsigned now)
{
	uint64_t apart = made > now ? made - now : now - made;

	return now == 0 || made == 0 || apart * 1000000 <= (uint64_t)made * TSC_TOLERANCE_PPM;
}

static int open_folder(const char *folder, const char *key, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(folder, key);
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "template '%s': %s",
			       path, strerror(errno));
	if (!template_is_ours(fd))
		return err_set(err, ERR_NOT_FOUND,
			       "template '%s' belongs to another user or is writable to others",
			       path);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int templates_open(const char *cache_home, const char *key, unsigned tsc_khz,
		   struct template_files *ret_files, struct err *err)
{
	AUTO(template_about_done) struct template_about about = {0};
	AUTO(template_files_close) struct template_files files = TEMPLATE_FILES_NONE;
	AUTO_FREE char *folder = xasprintf(TEMPLATE_FOLDER, cache_home);
	AUTO_FD int fd = -1;

	if (open_folder(folder, key, &fd, err) < 0 || template_about_read(fd, &about, err) < 0)
		return -1;
	if (!tsc_fits(about.tsc_khz, tsc_khz))
		return err_set(err, ERR_INVALID,
			       "template '%s' was made at %u kHz, this host runs at %u", key,
			       about.tsc_khz, tsc_khz);
	if (template_files_open(fd, &files, err) < 0)
		return -1;
	/* Just now it was there; without it the guest would meet an empty disk that it does not
	 * know. */
	if (about.disk_mb > 0 && files.upper_fd < 0)
		return err_set(err, ERR_NOT_FOUND, "template '%s' is being removed", key);
	*ret_files = files;
	files = (struct template_files)TEMPLATE_FILES_NONE;
	/* For the least recently used; a read-only cache is no reason to start slowly. */
	(void)utimensat(fd, TEMPLATE_ABOUT, NULL, 0);
	return 0;
}

/* Out of sight at once, then gone: a reader finds all of it or none. */
int templates_remove(const char *cache_home, const char *key, struct err *err)
{
	AUTO_FREE char *folder = xasprintf(TEMPLATE_FOLDER, cache_home);
	AUTO_FREE char *path = path_join(folder, key);
	AUTO_FREE char *aside = NULL;
	char suffix[9];

	random_hex(suffix, 8); /* a killed one leaves its own */
	aside = xasprintf("%s/.%s.%s", folder, key, suffix);
	if (rename(path, aside) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove template '%s'", path);
	return path_remove_tree(aside, err);
}

/* --- all of them --- */

void template_rows_done(struct template_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		template_about_done(&rows->rows[i].about);
	free(rows->rows);
	*rows = (struct template_rows){0};
}

static bool is_key(const char *name)
{
	return strlen(name) == TEMPLATE_KEY_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == TEMPLATE_KEY_SIZE - 1;
}

static bool is_building(const char *folder, const char *key)
{
	AUTO_FREE char *path = xasprintf("%s/%s" TEMPLATE_LOCK, folder, key);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static uint64_t allocated(int dir_fd)
{
	static const char *const files[] = {TEMPLATE_RAM, TEMPLATE_STATE, TEMPLATE_UPPER,
					    TEMPLATE_ABOUT};
	uint64_t size = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (fstatat(dir_fd, files[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			size += (uint64_t)st.st_blocks * 512;
	}
	return size;
}

/* What is known of the template of this key; false: nothing of use. */
static bool describe(const char *folder, const char *key, struct template_row *ret_row)
{
	struct template_row row = {.building = is_building(folder, key)};
	AUTO_FD int fd = -1;
	struct stat st;
	struct err err;

	memcpy(row.key, key, TEMPLATE_KEY_SIZE);
	if (open_folder(folder, key, &fd, &err) == 0 &&
	    template_about_read(fd, &row.about, &err) == 0 &&
	    fstatat(fd, TEMPLATE_ABOUT, &st, 0) == 0) {
		row.complete = true;
		row.size = allocated(fd);
		row.used_at = st.st_mtim.tv_sec;
	}
	*ret_row = row;
	return row.complete || row.building;
}

static int last_used_first(const void *left, const void *right)
{
	const struct template_row *a = left, *b = right;

	if (a->used_at != b->used_at)
		return a->used_at < b->used_at ? 1 : -1;
	return strcmp(a->key, b->key);
}

static bool contains(char *const *list, const char *text)
{
	for (size_t i = 0; list && list[i]; i++) {
		if (strcmp(list[i], text) == 0)
			return true;
	}
	return false;
}

/* The keys that have a folder or a lock, each once. */
static char **list_keys(const char *folder)
{
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *entry;
	char **keys = NULL;

	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *name = xstrdup(entry->d_name);
		size_t len = strlen(name), suffix = strlen(TEMPLATE_LOCK);

		if (len > suffix && strcmp(name + len - suffix, TEMPLATE_LOCK) == 0)
			name[len - suffix] = '\0';
		if (is_key(name) && !contains(keys, name))
			strv_add(&keys, name);
	}
	return keys;
}

int templates_list(const char *cache_home, struct template_rows *ret_rows, struct err *err)
{
	AUTO_FREE char *folder = xasprintf(TEMPLATE_FOLDER, cache_home);
	AUTO(auto_strv) char **keys = list_keys(folder);
	struct template_rows rows = {0};

	(void)err; /* a folder that is not there holds none */
	rows.rows = xcalloc(strv_count(keys) + 1, sizeof(*rows.rows));
	for (size_t i = 0; keys && keys[i]; i++)
		rows.count += describe(folder, keys[i], &rows.rows[rows.count]);
	qsort(rows.rows, rows.count, sizeof(*rows.rows), last_used_first);
	*ret_rows = rows;
	return 0;
}

/* --- keeping it small --- */

/* Removes a folder if no builder is at work on its key.  The lock stays: whoever waits for it and
 * whoever comes after must mean the same file. */
static int remove_unless_building(const char *folder, const char *key, const char *name,
				  struct err *err)
{
	AUTO_FREE char *lock = xasprintf("%s/%s" TEMPLATE_LOCK, folder, key);
	AUTO_FREE char *path = path_join(folder, name);
	AUTO_FD int fd = -1;

	if (lock_file_acquire(lock, 0, &fd, err) < 0)
		return err->code == ERR_TIMEOUT ? 0 : -1;
	return path_remove_tree(path, err);
}

/* Drafts of dead builders: ".KEY.XXXX". */
static int remove_drafts(const char *folder, struct err *err)
{
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char key[TEMPLATE_KEY_SIZE] = "";

		if (entry->d_name[0] != '.' || strlen(entry->d_name) <= TEMPLATE_KEY_SIZE)
			continue;
		memcpy(key, entry->d_name + 1, TEMPLATE_KEY_SIZE - 1);
		if (is_key(key) && remove_unless_building(folder, key, entry->d_name, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_damaged(const char *folder, struct err *err)
{
	AUTO(auto_strv) char **keys = list_keys(folder);

	for (size_t i = 0; keys && keys[i]; i++) {
		AUTO(template_about_done) struct template_about about = {0};
		struct template_row row;

		if (describe(folder, keys[i], &row)) {
			about = row.about;
			continue;
		}
		if (remove_unless_building(folder, keys[i], keys[i], err) < 0)
			return -1;
	}
	return 0;
}

int templates_prune(const char *cache_home, uint64_t max_bytes, uint64_t *ret_freed,
		    struct err *err)
{
	AUTO_FREE char *folder = xasprintf(TEMPLATE_FOLDER, cache_home);
	AUTO(template_rows_done) struct template_rows rows = {0};
	uint64_t kept = 0;

	*ret_freed = 0;
	if (remove_drafts(folder, err) < 0 || remove_damaged(folder, err) < 0 ||
	    templates_list(cache_home, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		const struct template_row *row = &rows.rows[i];

		if (!row->complete)
			continue;
		if (kept + row->size <= max_bytes) {
			kept += row->size;
			continue;
		}
		if (templates_remove(cache_home, row->key, err) < 0)
			return -1;
		*ret_freed += row->size;
	}
	return 0;
}
