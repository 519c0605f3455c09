// SPDX-License-Identifier: MIT
/*
 * Sums of blobs: see store_sum.h.
 *
 * Happy path: each thread takes the next piece, reads it in chunks that stay in its CPU's cache and
 * leaves its checksum in the table, whose checksum is the sum.  A blob has just been written when
 * it is summed up, so the bytes come from memory; SHA-256 would take three times as long.
 *
 * Failure modes: a file that cannot be read, or is shorter than it was said to be, is ERR_IO.
 */
#include "image/store_sum.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 8 * 1024 * 1024, CHUNK = 64 * 1024, THREADS_MAX = 4 };

struct sum_job {
	int fd;
	uint64_t size;
	size_t count; /* of pieces */
	char (*sums)[CHECKSUM_TEXT_SIZE];
	atomic_size_t next;
	atomic_int error; /* errno of the first failure */
};

/* The checksum of `len` bytes at `at`; 0, or an errno. */
static int sum_piece(int fd, uint64_t at, uint64_t len, char *buffer,
		     char ret_text[CHECKSUM_TEXT_SIZE])
{
	AUTO(auto_checksum) struct checksum *checksum = checksum_new();

	while (len > 0) {
		ssize_t got = pread(fd, buffer, MIN(len, (uint64_t)CHUNK), (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EIO;
		checksum_update(checksum, buffer, (size_t)got);
		at += (uint64_t)got;
		len -= (uint64_t)got;
	}
	checksum_final(checksum, ret_text);
	return 0;
}

static void *sum_thread(void *arg)
{
	struct sum_job *job = arg;
	AUTO_FREE char *buffer = xcalloc(1, CHUNK);

	for (;;) {
		size_t i = atomic_fetch_add(&job->next, 1);
		uint64_t at = (uint64_t)i * PIECE;
		int error;

		if (i >= job->count || atomic_load(&job->error))
			return NULL;
		error = sum_piece(job->fd, at, MIN(job->size - at, (uint64_t)PIECE), buffer,
				  job->sums[i]);
		if (error)
			atomic_store(&job->error, error);
	}
}

int blob_sum(int fd, uint64_t size, char ret_text[CHECKSUM_TEXT_SIZE], struct err *err)
{
	AUTO(auto_checksum) struct checksum *checksum = checksum_new();
	size_t count = (size_t)((size + PIECE - 1) / PIECE);
	AUTO_FREE char(*sums)[CHECKSUM_TEXT_SIZE] = xcalloc(count + 1, CHECKSUM_TEXT_SIZE);
	struct sum_job job = {.fd = fd, .size = size, .count = count, .sums = sums};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = MIN(count, (size_t)(cpus > 1 ? MIN(cpus, (long)THREADS_MAX) : 1));
	pthread_t threads[THREADS_MAX];
	size_t started = 0;

	/* This thread works too, so one that cannot be started is only missed. */
	while (started + 1 < want && pthread_create(&threads[started], NULL, sum_thread, &job) == 0)
		started++;
	sum_thread(&job);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (job.error)
		return err_sys(err, job.error, "read blob");
	checksum_update(checksum, sums, count * CHECKSUM_TEXT_SIZE);
	checksum_final(checksum, ret_text);
	return 0;
}

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* 1 if the sum of just this file is recorded, 0, -1. */
static int is_noted(struct store *store, const char *digest, const struct stat *st, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};

	if (db_select(store->db,
		      "SELECT 1 FROM blob_sums WHERE digest = ? AND size = ? AND mtime_ns = ?",
		      DB_VALUES(db_text(digest), db_int(st->st_size), db_int(mtime_ns(st))), &query,
		      err) < 0)
		return -1;
	return db_next(&query, err);
}

static int note_sum(struct store *store, const char *digest, struct err *err)
{
	AUTO_FREE char *path = store_blob_path(store, digest);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char sum[CHECKSUM_TEXT_SIZE];
	struct stat st;
	int noted;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open '%s'", path);
	noted = is_noted(store, digest, &st, err);
	if (noted != 0)
		return noted < 0 ? -1 : 0;
	if (blob_sum(fd, (uint64_t)st.st_size, sum, err) < 0)
		return err_wrap(err, "'%s'", path);
	return db_run(
		store->db,
		"INSERT OR REPLACE INTO blob_sums (digest, size, mtime_ns, sum)"
		" VALUES (?, ?, ?, ?)",
		DB_VALUES(db_text(digest), db_int(st.st_size), db_int(mtime_ns(&st)), db_text(sum)),
		err);
}

int store_note_sums(struct store *store, const char *const *digests, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (note_sum(store, digests[i], err) < 0)
			return -1;
	}
	return 0;
}
