// SPDX-License-Identifier: MIT
/*
 * A template while it is being made: a folder with a name that no reader looks for, and the lock on
 * its key.  The rename at the end is the only step that others see.
 *
 * Failure modes: another builder is at it for too long; the disk is full.  What a killed builder
 * left is removed by the next one of the same key, or by templates_prune().
 */
#include "sandbox/templates_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/random.h"
#include "state/lock_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct template_draft {
	char *final_path, *path;
	int lock_fd, dir_fd;
	bool committed;
};

void template_draft_free(struct template_draft *draft)
{
	struct err ignored;

	if (!draft)
		return;
	if (draft->path && !draft->committed)
		(void)path_remove_tree(draft->path, &ignored); /* or the next builder does it */
	auto_close_(&draft->dir_fd);
	auto_close_(&draft->lock_fd);
	free(draft->final_path);
	free(draft->path);
	free(draft);
}

/* With the lock held nobody else makes this template: its drafts are left over. */
static void remove_leftovers(const char *folder, const char *key)
{
	AUTO_FREE char *prefix = xasprintf(".%s.", key);
	AUTO_DIR DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *path = path_join(folder, entry->d_name);
		struct err ignored;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			(void)path_remove_tree(path, &ignored);
	}
}

/* One that is damaged is made anew. */
static bool is_whole(const char *path)
{
	AUTO(template_about_done) struct template_about about = {0};
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored;

	return fd >= 0 && template_is_ours(fd) && template_about_read(fd, &about, &ignored) == 0;
}

int template_draft_begin(const char *cache_home, const char *key, unsigned wait_ms,
			 struct template_draft **ret_draft, struct err *err)
{
	AUTO(auto_template_draft) struct template_draft *draft = xcalloc(1, sizeof(*draft));
	AUTO_FREE char *folder = xasprintf(TEMPLATE_FOLDER, cache_home);
	AUTO_FREE char *lock = xasprintf("%s/%s" TEMPLATE_LOCK, folder, key);
	char suffix[9];

	draft->lock_fd = draft->dir_fd = -1;
	draft->final_path = path_join(folder, key);
	*ret_draft = NULL;
	if (path_mkdirs(folder, 0700, err) < 0 ||
	    lock_file_acquire(lock, wait_ms, &draft->lock_fd, err) < 0)
		return -1;
	if (is_whole(draft->final_path))
		return 0;
	if (templates_remove(cache_home, key, err) < 0)
		return -1;
	remove_leftovers(folder, key);
	random_hex(suffix, 8);
	draft->path = xasprintf("%s/.%s.%s", folder, key, suffix);
	if (mkdir(draft->path, 0700) < 0)
		return err_sys(err, errno, "create directory '%s'", draft->path);
	draft->dir_fd = open(draft->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (draft->dir_fd < 0)
		return err_sys(err, errno, "open '%s'", draft->path);
	fault_point("template-draft", &(struct fault_victims){0});
	*ret_draft = STEAL(draft);
	return 0;
}

int template_draft_file(struct template_draft *draft, const char *name, uint64_t size, int *ret_fd,
			struct err *err)
{
	AUTO_FD int fd = openat(draft->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(err, errno, "create a template's '%s'", name);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

char *template_draft_path(const struct template_draft *draft, const char *name)
{
	return path_join(draft->path, name);
}

int template_draft_open(struct template_draft *draft, struct template_files *ret_files,
			struct err *err)
{
	return template_files_open(draft->dir_fd, ret_files, err);
}

/* After a crash of the host a file could be there without its content. */
static int write_out(int dir_fd, const char *name, mode_t mode, struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "write a template's '%s' out", name);
	return 0;
}

int template_draft_commit(struct template_draft *draft, const struct template_about *about,
			  struct err *err)
{
	static const char *const files[] = {TEMPLATE_RAM, TEMPLATE_STATE, TEMPLATE_UPPER};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (write_out(draft->dir_fd, files[i], 0400, err) < 0)
			return -1;
	}
	if (template_about_write(draft->dir_fd, about, err) < 0 ||
	    write_out(draft->dir_fd, TEMPLATE_ABOUT, 0600, err) < 0)
		return -1;
	if (fsync(draft->dir_fd) < 0)
		return err_sys(err, errno, "write out '%s'", draft->path);
	fault_point("template-written", &(struct fault_victims){0});
	if (rename(draft->path, draft->final_path) < 0)
		return err_sys(err, errno, "name the template '%s'", draft->final_path);
	fault_point("template-named", &(struct fault_victims){0});
	draft->committed = true;
	return 0;
}
