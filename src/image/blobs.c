// SPDX-License-Identifier: MIT
/*
 * The blobs folder: see blobs.h.
 *
 * The temporary name is made of the layer and all below it, so whoever wants the same blob opens
 * the same file, and its lock (flock) says who writes it.  (With a name of the layer alone two
 * pulls that stack two layers in opposite order could wait for each other.)  Who gets the lock
 * looks again: the file may have become the blob, or have been removed, while he waited.  A file
 * that a dead process left is taken over and emptied.
 *
 * Failure modes: ERR_IO of the file system; nothing is left behind but after SIGKILL, and that the
 * next pull or gc removes.
 */
#include "image/blobs.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { POLL_NS = 20 * 1000000 };

struct blobs {
	int dir_fd;
	pthread_mutex_t lock;
	char **temps; /* names of the files in the making; "" where one has ended */
};

struct blobs *blobs_new(int dir_fd)
{
	struct blobs *blobs = xcalloc(1, sizeof(*blobs));

	blobs->dir_fd = dir_fd;
	pthread_mutex_init(&blobs->lock, NULL);
	return blobs;
}

void blobs_abandon_all(struct blobs *blobs)
{
	pthread_mutex_lock(&blobs->lock);
	for (char **name = blobs->temps; name && *name; name++) {
		if (**name)
			unlinkat(blobs->dir_fd, *name, 0);
	}
	pthread_mutex_unlock(&blobs->lock);
}

static void remember(struct blobs *blobs, const char *temp)
{
	char **name;

	pthread_mutex_lock(&blobs->lock);
	for (name = blobs->temps; name && *name && **name; name++)
		;
	if (name && *name) {
		free(*name);
		*name = xstrdup(temp);
	} else {
		strv_add(&blobs->temps, temp);
	}
	pthread_mutex_unlock(&blobs->lock);
}

/* Ends the temporary name, by `rename_to` or by removal, so that blobs_abandon_all() never removes
 * another process's file.  -1 with errno. */
static int end_temp(struct blob *blob, const char *rename_to)
{
	struct blobs *blobs = blob->blobs;
	int rc;

	pthread_mutex_lock(&blobs->lock);
	rc = rename_to ? renameat(blobs->dir_fd, blob->temp, blobs->dir_fd, rename_to)
		       : unlinkat(blobs->dir_fd, blob->temp, 0);
	for (char **name = blobs->temps; name && *name; name++) {
		if (strcmp(*name, blob->temp) == 0)
			**name = '\0';
	}
	pthread_mutex_unlock(&blobs->lock);
	return rc;
}

static bool exists(const struct blobs *blobs, const char *name)
{
	struct stat st;

	return fstatat(blobs->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size > 0;
}

/* Whether `name` is still the file of `fd`. */
static bool is_named(const struct blobs *blobs, const char *name, int fd)
{
	struct stat of_fd, of_name;

	return fstat(fd, &of_fd) == 0 &&
	       fstatat(blobs->dir_fd, name, &of_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       of_fd.st_ino == of_name.st_ino && of_fd.st_dev == of_name.st_dev;
}

/* Opens the temporary file and has its lock: the descriptor, -1 with errno, or -2: once more. */
static int open_locked(const struct blobs *blobs, const char *temp)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	AUTO_FD int fd = openat(blobs->dir_fd, temp,
				O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return is_named(blobs, temp, fd) ? STEAL_FD(fd) : -2;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return -1;
	nanosleep(&pause, NULL);
	return -2;
}

enum { NAME_SIZE = 96 };

static void name_of(const char *digest, char ret_name[NAME_SIZE])
{
	char *colon;

	snprintf(ret_name, NAME_SIZE, "%.80s.erofs", digest);
	colon = strchr(ret_name, ':');
	assert(colon && !strchr(ret_name, '/'));
	*colon = '_';
}

void blob_chain_digest(char *const *diff_ids, size_t layer, char ret_text[DIGEST_TEXT_SIZE])
{
	static const char start[] = "matchlock-links-v1\n";
	AUTO(auto_digest) struct digest *digest = digest_new();

	digest_update(digest, start, strlen(start));
	digest_update(digest, diff_ids[layer], strlen(diff_ids[layer]));
	digest_update(digest, "\n", 1);
	for (size_t i = 0; i < layer; i++) {
		digest_update(digest, diff_ids[i], strlen(diff_ids[i]));
		digest_update(digest, "\n", 1);
	}
	digest_final(digest, ret_text);
}

/* Looks for the finished blob under both names. */
static bool find(struct blob *blob)
{
	const char *const digests[] = {blob->diff_id, blob->chain};
	char name[NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
		name_of(digests[i], name);
		if (!exists(blob->blobs, name))
			continue;
		memcpy(blob->digest, digests[i], DIGEST_TEXT_SIZE);
		return true;
	}
	return false;
}

int blob_begin(struct blobs *blobs, char *const *diff_ids, size_t layer, struct blob *ret_blob,
	       struct err *err)
{
	struct blob blob = {.blobs = blobs, .fd = -2};
	char name[NAME_SIZE];

	snprintf(blob.diff_id, sizeof(blob.diff_id), "%s", diff_ids[layer]);
	blob_chain_digest(diff_ids, layer, blob.chain);
	name_of(blob.chain, name);
	snprintf(blob.temp, sizeof(blob.temp), "%s.tmp", name);
	while (blob.fd == -2) {
		if (find(&blob)) {
			memcpy(ret_blob->digest, blob.digest, DIGEST_TEXT_SIZE);
			return 1;
		}
		blob.fd = open_locked(blobs, blob.temp);
	}
	if (blob.fd < 0)
		return err_sys(err, errno, "create '%s' in the image store", blob.temp);
	remember(blobs, blob.temp);
	*ret_blob = blob;
	if (find(ret_blob)) { /* whoever had the lock has finished it */
		blob_abandon(ret_blob);
		return 1;
	}
	if (ftruncate(blob.fd, 0) < 0) {
		err_sys_(err, errno, "empty '%s'", blob.temp);
		blob_abandon(ret_blob);
		return -1;
	}
	return 0;
}

int blob_commit(struct blob *blob, bool chained, struct err *err)
{
	char name[NAME_SIZE];

	memcpy(blob->digest, chained ? blob->chain : blob->diff_id, DIGEST_TEXT_SIZE);
	name_of(blob->digest, name);
	if (exists(blob->blobs, name)) { /* another pull, with other layers below it */
		blob_abandon(blob);
		return 0;
	}
	if (fsync(blob->fd) < 0 || end_temp(blob, name) < 0 || fsync(blob->blobs->dir_fd) < 0)
		return err_sys(err, errno, "write '%s' in the image store", name);
	close(STEAL_FD(blob->fd)); /* the lock too */
	return 0;
}

void blob_abandon(struct blob *blob)
{
	if (blob->fd < 0)
		return;
	end_temp(blob, NULL);
	close(STEAL_FD(blob->fd));
}

int blob_open(struct blobs *blobs, const char *digest, int *ret_fd, struct err *err)
{
	char name[NAME_SIZE];

	name_of(digest, name);
	*ret_fd = openat(blobs->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_sys(err, errno, "open '%s' in the image store", name);
	return 0;
}

int blob_scratch(struct blobs *blobs, int *ret_fd, struct err *err)
{
	*ret_fd = openat(blobs->dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*ret_fd < 0)
		return err_sys(err, errno, "create a file in the image store");
	return 0;
}
