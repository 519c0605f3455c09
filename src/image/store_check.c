// SPDX-License-Identifier: MIT
/*
 * `image check`: see store_check.h.
 *
 * Happy path: the names of all recorded blobs are read, then each is summed up and compared.  That
 * takes long, so pulls and removals go on meanwhile; only gc waits (images/.pulling is shared).
 *
 * Failure modes: those of state/db.h; a blob that cannot be read is damaged.
 */
#include "image/store_check.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "image/erofs_format.h"
#include "image/store_internal.h"
#include "image/store_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void check_report_done(struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->blobs[i].digest);
		strv_free(report->blobs[i].tags);
	}
	free(report->blobs);
	*report = (struct check_report){0};
}

/* An EROFS image that is not cut off, as far as its superblock says. */
static bool looks_whole(int fd, const struct stat *st)
{
	struct erofs_super super;

	return pread(fd, &super, sizeof(super), EROFS_SUPER_OFFSET) == sizeof(super) &&
	       super.magic == EROFS_MAGIC && super.block_bits == EROFS_BLOCK_BITS &&
	       (uint64_t)super.block_count * EROFS_BLOCK <= (uint64_t)st->st_size;
}

/* What was recorded of the blob: 1 with size and sum, 0, -1. */
static int read_sum(struct store *store, const char *digest, int64_t *ret_size,
		    char ret_sum[CHECKSUM_TEXT_SIZE], struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(store->db, "SELECT size, sum FROM blob_sums WHERE digest = ?",
		      DB_VALUES(db_text(digest)), &query, err) < 0)
		return -1;
	got = db_next(&query, err);
	if (got <= 0)
		return got;
	*ret_size = db_column_int(&query, 0);
	strncpy(ret_sum, db_column_text(&query, 1), CHECKSUM_TEXT_SIZE - 1);
	ret_sum[CHECKSUM_TEXT_SIZE - 1] = '\0';
	return 1;
}

static int check_blob(struct store *store, const char *digest, enum blob_state *ret_state,
		      struct err *err)
{
	AUTO_FREE char *path = store_blob_path(store, digest);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char want[CHECKSUM_TEXT_SIZE], sum[CHECKSUM_TEXT_SIZE];
	struct err read_err;
	struct stat st;
	int64_t size;
	int noted = read_sum(store, digest, &size, want, err);

	if (noted < 0)
		return -1;
	*ret_state = fd < 0 && errno == ENOENT ? BLOB_MISSING : BLOB_DAMAGED;
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (noted == 0 && looks_whole(fd, &st)) {
		*ret_state = BLOB_OK;
		return store_note_sums(store, &digest, 1, err);
	}
	if (noted == 1 && st.st_size == size &&
	    blob_sum(fd, (uint64_t)st.st_size, sum, &read_err) == 0 && strcmp(sum, want) == 0)
		*ret_state = BLOB_OK;
	return 0;
}

/* The images that need the blob: as a layer, or as what all layers were merged into. */
#define NEEDS_BLOB                                                                           \
	"(scope || '/' || tag IN (SELECT scope || '/' || tag FROM image_layers WHERE digest" \
	" = ?1) OR rootfs_path LIKE '%/' || replace(?1, ':', '_') || '.erofs')"

static int read_tags(struct store *store, const char *digest, char ***ret_tags, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(store->db, "SELECT DISTINCT tag FROM images WHERE " NEEDS_BLOB,
		      DB_VALUES(db_text(digest)), &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0)
		strv_add(ret_tags, db_column_text(&query, 0));
	return got;
}

static int forget_blob(struct store *store, struct blob_report *blob, struct err *err)
{
	AUTO_FREE char *path = store_blob_path(store, blob->digest);
	AUTO(db_rollback) struct db *change = NULL;
	AUTO_FD int lock = -1;

	if (store_lock(store, &lock, err) < 0 || db_begin(store->db, &change, err) < 0 ||
	    read_tags(store, blob->digest, &blob->tags, err) < 0 ||
	    db_run(store->db, "DELETE FROM images WHERE " NEEDS_BLOB,
		   DB_VALUES(db_text(blob->digest)), err) < 0 ||
	    db_run(store->db,
		   "DELETE FROM image_layers WHERE NOT EXISTS (SELECT 1 FROM images WHERE"
		   " images.scope = image_layers.scope AND images.tag = image_layers.tag)",
		   NULL, 0, err) < 0 ||
	    db_run(store->db, "DELETE FROM blob_sums WHERE digest = ?",
		   DB_VALUES(db_text(blob->digest)), err) < 0 ||
	    store_count_refs(store, err) < 0 || db_commit(&change, err) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s'", path);
	return 0;
}

/* True if images still name the blob; somebody may have removed them since it was listed. */
static int is_needed(struct store *store, const char *digest, bool *ret_needed, struct err *err)
{
	AUTO(auto_strv) char **tags = NULL;

	if (read_tags(store, digest, &tags, err) < 0)
		return -1;
	*ret_needed = tags != NULL;
	return 0;
}

static int check_next(struct store *store, const char *digest, struct check_report *report,
		      struct err *err)
{
	enum blob_state state;
	struct blob_report *blob;
	bool needed;

	if (check_blob(store, digest, &state, err) < 0 ||
	    is_needed(store, digest, &needed, err) < 0)
		return -1;
	if (!needed)
		return 0;
	report->blobs = xreallocarray(report->blobs, report->count + 1, sizeof(*report->blobs));
	blob = &report->blobs[report->count++];
	*blob = (struct blob_report){.digest = xstrdup(digest), .state = state};
	if (state == BLOB_OK)
		return 0;
	report->bad++;
	return forget_blob(store, blob, err);
}

static bool has(char *const *list, const char *text)
{
	for (; list && *list; list++) {
		if (strcmp(*list, text) == 0)
			return true;
	}
	return false;
}

/* Layers, and the blobs of rootfs_path that are none and exist: without them the layers serve. */
static int read_digests(struct store *store, char ***ret_digests, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(store->db,
		      "SELECT digest, 0 FROM image_layers UNION SELECT rootfs_path, 1 FROM images"
		      " WHERE rootfs_path LIKE '%/%\\_%.erofs' ESCAPE '\\' ORDER BY 2, 1",
		      NULL, 0, &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0) {
		AUTO_FREE char *digest = xstrdup(db_column_text(&query, 0));
		AUTO_FREE char *path = NULL;
		char *name = strrchr(digest, '/'), *mark = name ? strchr(name, '_') : NULL;

		if (!db_column_int(&query, 1)) {
			strv_add(ret_digests, digest);
			continue;
		}
		if (!mark)
			continue;
		name[strlen(name) - strlen(".erofs")] = '\0';
		*mark = ':';
		path = store_blob_path(store, name + 1);
		if (!has(*ret_digests, name + 1) && access(path, F_OK) == 0)
			strv_add(ret_digests, name + 1);
	}
	return got;
}

int store_check(struct store *store, struct check_report *ret_report, struct err *err)
{
	AUTO(check_report_done) struct check_report report = {0};
	AUTO(auto_strv) char **digests = NULL;
	AUTO_FD int pull = -1;

	if (store_begin_pull(store, &pull, err) < 0 || read_digests(store, &digests, err) < 0)
		return -1;
	for (size_t i = 0; digests && digests[i]; i++) {
		if (check_next(store, digests[i], &report, err) < 0)
			return -1;
	}
	*ret_report = report;
	report = (struct check_report){0};
	return 0;
}
