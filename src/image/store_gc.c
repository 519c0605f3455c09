// SPDX-License-Identifier: MIT
/*
 * Freeing what nobody needs: see store_gc.h, and store.h for the locks.
 *
 * Happy path: with images/.pulling exclusively and images/.lock, the names of all blobs that are
 * recorded are read, sorted, and every other file of blobs/ is removed, if it can be locked.  What
 * lies there and does not have a blob's name is a temporary or lock file of a pull; since none is
 * under way, its owner is dead.
 *
 * Failure modes: those of state/db.h.  A crash in between leaves files for the next time.
 */
#include "image/store_gc.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The blobs that images name, as file names. */
#define RECORDED_SQL                                                                        \
	"SELECT replace(replace(digest, ':', '_'), '/', '_') || '.erofs' FROM image_layers" \
	" UNION SELECT rootfs_path FROM images"

/* The blobs folder while it is read. */
struct scan {
	struct store *store;
	DIR *dir;
	char **recorded; /* sorted file names */
	size_t count;
};

static void scan_done(struct scan *scan)
{
	if (scan->dir)
		closedir(scan->dir);
	strv_free(scan->recorded);
	*scan = (struct scan){0};
}

/* One file of the folder, locked exclusively unless somebody uses it. */
struct found {
	const char *name;
	int fd;
	bool in_use, is_blob;
	uint64_t size; /* allocated */
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int scan_open(struct store *store, struct scan *scan, struct err *err)
{
	AUTO_FREE char *path = path_join(store->dir, "blobs");

	*scan = (struct scan){.store = store, .dir = opendir(path)};
	return scan->dir ? 0 : err_sys(err, errno, "open '%s'", path);
}

static int read_recorded(struct scan *scan, struct err *err)
{
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(scan->store->db, RECORDED_SQL, NULL, 0, &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0) {
		const char *path = db_column_text(&query, 0), *slash = strrchr(path, '/');

		strv_add(&scan->recorded, slash ? slash + 1 : path);
	}
	scan->count = strv_count(scan->recorded);
	if (scan->recorded)
		qsort(scan->recorded, scan->count, sizeof(char *), compare);
	return got;
}

static bool is_recorded(const struct scan *scan, const char *name)
{
	return scan->count > 0 &&
	       bsearch(&name, scan->recorded, scan->count, sizeof(char *), compare);
}

/* "ALGORITHM_HEX.erofs", without a second dot. */
static bool is_blob_name(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && dot != name && strcmp(dot, ".erofs") == 0;
}

/* Calls `visit` for every file that is nothing of this folder's users' business: 0, or -1. */
typedef int visit_fn(struct scan *scan, const struct found *found, void *ctx, struct err *err);

static int visit_file(struct scan *scan, const char *name, visit_fn *visit, void *ctx,
		      struct err *err)
{
	AUTO_FD int fd =
		openat(dirfd(scan->dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct found found = {.name = name, .fd = fd, .is_blob = is_blob_name(name)};
	struct stat st;

	if (fd < 0 && errno != ENOENT && errno != ELOOP && errno != EACCES)
		return err_sys(err, errno, "open blob '%s'", name);
	if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	found.size = (uint64_t)st.st_blocks * 512;
	found.in_use = flock(fd, LOCK_EX | LOCK_NB) < 0;
	return visit(scan, &found, ctx, err);
}

static int scan_each(struct scan *scan, visit_fn *visit, void *ctx, struct err *err)
{
	const struct dirent *entry;

	while ((entry = readdir(scan->dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (visit_file(scan, entry->d_name, visit, ctx, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_file(struct scan *scan, const char *name, struct err *err)
{
	if (unlinkat(dirfd(scan->dir), name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove blob '%s'", name);
	return 0;
}

static int visit_stale(struct scan *scan, const struct found *found, void *ctx ML_UNUSED,
		       struct err *err)
{
	return found->is_blob || found->in_use ? 0 : remove_file(scan, found->name, err);
}

int store_remove_stale(struct store *store, struct err *err)
{
	AUTO(scan_done) struct scan scan = {0};

	if (scan_open(store, &scan, err) < 0)
		return -1;
	return scan_each(&scan, visit_stale, NULL, err);
}

static int visit_garbage(struct scan *scan, const struct found *found, void *ctx, struct err *err)
{
	struct gc_result *result = ctx;

	if (is_recorded(scan, found->name))
		return 0;
	if (found->in_use) {
		result->in_use++;
		result->in_use_size += found->size;
		return 0;
	}
	if (remove_file(scan, found->name, err) < 0)
		return -1;
	result->removed += found->is_blob;
	result->freed += found->size;
	return 0;
}

/* What is remembered of blobs that no image names. */
static int forget_garbage(struct store *store, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;

	if (db_begin(store->db, &change, err) < 0 ||
	    db_run(store->db,
		   "DELETE FROM blob_sums WHERE digest NOT IN (SELECT digest FROM image_layers)",
		   NULL, 0, err) < 0)
		return -1;
	return db_commit(&change, err);
}

/* With images/.pulling. */
static int collect(struct store *store, struct gc_result *result, struct err *err)
{
	AUTO(scan_done) struct scan scan = {0};
	AUTO_FD int lock = -1;

	if (store_lock(store, &lock, err) < 0 || scan_open(store, &scan, err) < 0 ||
	    read_recorded(&scan, err) < 0 || scan_each(&scan, visit_garbage, result, err) < 0)
		return -1;
	return result->removed > 0 ? forget_garbage(store, err) : 0;
}

int store_gc(struct store *store, unsigned wait_ms, struct gc_result *ret_result, struct err *err)
{
	AUTO_FD int pulling = -1;
	struct err lock_err;

	*ret_result = (struct gc_result){0};
	if (store_open_pulling(store, &pulling, err) < 0)
		return -1;
	if (store_flock(pulling, LOCK_EX, wait_ms, ".pulling", &lock_err) < 0) {
		ret_result->busy = lock_err.code == ERR_TIMEOUT;
		if (!ret_result->busy)
			*err = lock_err;
		return ret_result->busy ? 0 : -1;
	}
	return collect(store, ret_result, err);
}

void store_gc_quietly(struct store *store)
{
	struct gc_result result;
	struct err err;

	store_gc(store, 0, &result, &err);
}

/* --- whole images --- */

static bool image_in_use(struct store *store, char *const *blobs)
{
	for (; *blobs; blobs++) {
		AUTO_FREE char *path = xasprintf("%s/blobs/%s", store->dir, *blobs);

		if (store_blob_in_use(path))
			return true;
	}
	return false;
}

/* The blobs of one image, as file names. */
static int read_blobs(struct store *store, const struct image_row *row, char ***ret_blobs,
		      struct err *err)
{
	const char *scope = row->is_local ? "local" : "registry";
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(store->db,
		      "SELECT replace(replace(digest, ':', '_'), '/', '_') || '.erofs'"
		      " FROM image_layers WHERE scope = ?1 AND tag = ?2"
		      " UNION SELECT rootfs_path FROM images WHERE scope = ?1 AND tag = ?2",
		      DB_VALUES(db_text(scope), db_text(row->tag)), &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0) {
		const char *path = db_column_text(&query, 0), *slash = strrchr(path, '/');

		strv_add(ret_blobs, slash ? slash + 1 : path);
	}
	return got;
}

static int check_in_use(struct store *store, const struct image_row *row, bool *ret_in_use,
			struct err *err)
{
	AUTO(auto_strv) char **blobs = NULL;

	if (read_blobs(store, row, &blobs, err) < 0)
		return -1;
	*ret_in_use = blobs && image_in_use(store, blobs);
	return 0;
}

int store_forget_unused(struct store *store, char ***ret_tags, struct err *err)
{
	AUTO(image_rows_done) struct image_rows rows = {0};
	AUTO(auto_strv) char **tags = NULL;
	AUTO(db_rollback) struct db *change = NULL;
	AUTO_FD int lock = -1;
	bool in_use;

	if (store_lock(store, &lock, err) < 0 || store_list(store, &rows, err) < 0 ||
	    db_begin(store->db, &change, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		const struct image_row *row = &rows.rows[i];

		if (check_in_use(store, row, &in_use, err) < 0)
			return -1;
		if (in_use)
			continue;
		if (store_forget(store, row->is_local ? "local" : "registry", row->tag, err) < 0)
			return -1;
		strv_add(&tags, row->tag);
	}
	if (store_count_refs(store, err) < 0 || db_commit(&change, err) < 0)
		return -1;
	*ret_tags = STEAL(tags);
	return 0;
}

static int visit_measure(struct scan *scan, const struct found *found, void *ctx,
			 struct err *err ML_UNUSED)
{
	struct store_usage *usage = ctx;

	usage->blobs += found->is_blob;
	usage->size += found->size;
	if (found->in_use) {
		usage->used += found->size;
	} else if (!is_recorded(scan, found->name)) {
		usage->dangling++;
		usage->dangling_size += found->size;
	}
	return 0;
}

int store_measure(struct store *store, struct store_usage *ret_usage, struct err *err)
{
	AUTO(scan_done) struct scan scan = {0};
	AUTO(image_rows_done) struct image_rows rows = {0};
	bool in_use;

	*ret_usage = (struct store_usage){0};
	if (store_list(store, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		if (check_in_use(store, &rows.rows[i], &in_use, err) < 0)
			return -1;
		ret_usage->images_in_use += in_use;
	}
	ret_usage->images = rows.count;
	if (scan_open(store, &scan, err) < 0 || read_recorded(&scan, err) < 0)
		return -1;
	return scan_each(&scan, visit_measure, ret_usage, err);
}
