// SPDX-License-Identifier: MIT
/*
 * The user's images: see store.h.
 *
 * Happy path: store_find() gives the base image the chance to register itself, then reads one entry
 * with its layers in one statement (so that a save in between cannot mix two versions) and checks
 * that the blobs are there.
 *
 * What a VM stacks: the layers, base first.  The system that we replace put a merged blob beside
 * them and named it in `rootfs_path`; where that path names a blob that is no layer of the image,
 * it is this one blob.  Blobs are looked for in our own folder by the name in the path, since a
 * cache may have been moved.
 *
 * Failure modes: those of state/db.h.  An entry whose blob is gone counts as absent.
 */
#include "image/store.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "image/base_image.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NOT_IN_STORE "image %s is not in the local store: 'matchlock pull' brings it"

static const struct db_migration migrations[] = {
	{1, "create_images",
	 "CREATE TABLE IF NOT EXISTS images ("
	 " scope TEXT NOT NULL,"
	 " tag TEXT NOT NULL,"
	 " digest TEXT NOT NULL,"
	 " size INTEGER NOT NULL DEFAULT 0,"
	 " created_at TEXT NOT NULL,"
	 " source TEXT,"
	 " rootfs_path TEXT NOT NULL,"
	 " oci_json TEXT,"
	 " updated_at TEXT NOT NULL,"
	 " PRIMARY KEY (scope, tag));"
	 "CREATE INDEX IF NOT EXISTS idx_images_scope_created ON images(scope, created_at DESC);"
	 "CREATE INDEX IF NOT EXISTS idx_images_digest ON images(digest);"},
	{2, "create_image_layers_erofs_schema",
	 "CREATE TABLE IF NOT EXISTS image_layers ("
	 " scope TEXT NOT NULL,"
	 " tag TEXT NOT NULL,"
	 " ordinal INTEGER NOT NULL,"
	 " digest TEXT NOT NULL,"
	 " fs_type TEXT NOT NULL DEFAULT 'erofs',"
	 " size INTEGER NOT NULL DEFAULT 0,"
	 " PRIMARY KEY (scope, tag, ordinal));"
	 "CREATE INDEX IF NOT EXISTS idx_image_layers_ref ON image_layers(scope, tag);"
	 "CREATE INDEX IF NOT EXISTS idx_image_layers_digest ON image_layers(digest);"
	 "CREATE INDEX IF NOT EXISTS idx_image_layers_digest_fs ON image_layers(digest, fs_type);"
	 "CREATE TABLE IF NOT EXISTS layer_refs ("
	 " digest TEXT NOT NULL,"
	 " fs_type TEXT NOT NULL DEFAULT 'erofs',"
	 " ref_count INTEGER NOT NULL DEFAULT 0,"
	 " size INTEGER NOT NULL DEFAULT 0,"
	 " updated_at TEXT NOT NULL,"
	 " PRIMARY KEY (digest, fs_type));"
	 "CREATE INDEX IF NOT EXISTS idx_layer_refs_count ON layer_refs(ref_count);"
	 "DELETE FROM image_layers WHERE fs_type <> 'erofs';"
	 "DELETE FROM images WHERE NOT EXISTS (SELECT 1 FROM image_layers"
	 " WHERE image_layers.scope = images.scope AND image_layers.tag = images.tag);"
	 "DELETE FROM layer_refs;" STORE_REFS_INSERT},
};

/* What the system that we replace does not have, so numbered apart from its tables. */
static const struct db_migration own_migrations[] = {
	{1, "create_layer_map",
	 "CREATE TABLE layer_map ("
	 " digest TEXT NOT NULL PRIMARY KEY," /* of the compressed layer */
	 " diff_id TEXT NOT NULL);"	      /* names the blob */
	 "CREATE INDEX idx_layer_map_diff_id ON layer_map(diff_id);"
	 "CREATE TABLE blob_sums ("
	 " digest TEXT NOT NULL PRIMARY KEY," /* names the blob */
	 " size INTEGER NOT NULL,"
	 " mtime_ns INTEGER NOT NULL,"
	 " sum TEXT NOT NULL);"}, /* blob_sum() */
	{2, "forget_blob_sums",	  /* which were SHA-256 and are checksums now */
	 "DELETE FROM blob_sums;"},
	{3, "drop_layer_map", /* blobs are found by their names */
	 "DROP TABLE layer_map;"},
};

int store_open(const char *cache_home, struct store **ret_store, struct err *err)
{
	AUTO(auto_store) struct store *store = xcalloc(1, sizeof(*store));
	AUTO_FREE char *path = path_join(cache_home, "images/metadata.db");
	AUTO_FREE char *blobs = path_join(cache_home, "images/blobs");
	const struct db_module modules[] = {
		{"image", migrations, ARRAY_SIZE(migrations)},
		{"layer_map", own_migrations, ARRAY_SIZE(own_migrations)},
	};
	const struct db_spec spec = {
		.path = path,
		.hint = "set MATCHLOCK_CACHE to a directory that is",
		.modules = modules,
		.module_count = ARRAY_SIZE(modules),
		.busy_ms = DB_BUSY_MS,
	};

	store->dir = path_join(cache_home, "images");
	if (db_open(&spec, &store->db, err) < 0 || path_mkdirs(blobs, 0700, err) < 0)
		return -1;
	*ret_store = STEAL(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	db_free(store->db);
	free(store->dir);
	free(store);
}

static void release_layers(struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		free(image->layers[i]);
		if (image->locks[i] >= 0)
			close(image->locks[i]);
	}
	image->layer_count = 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	release_layers(image);
	free(image->layers);
	free(image->locks);
	image_config_done(&image->config);
	free(image->tag);
	free(image->digest);
	free(image);
}

char *store_blob_path(const struct store *store, const char *digest)
{
	char *path = xasprintf("%s/blobs/%s.erofs", store->dir, digest);

	for (char *p = path + strlen(path) - strlen(digest) - strlen(".erofs"); *p; p++) {
		if (*p == ':' || *p == '/')
			*p = '_';
	}
	return path;
}

/* Bytes that a blob takes on disk; false if it is not there or empty. */
static bool blob_allocated(const char *path, uint64_t *ret_bytes)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return false;
	*ret_bytes = (uint64_t)st.st_blocks * 512;
	return true;
}

static void add_layer(struct image *image, char *path)
{
	image->layers = xreallocarray(image->layers, image->layer_count + 2, sizeof(char *));
	image->locks = xreallocarray(image->locks, image->layer_count + 1, sizeof(int));
	image->locks[image->layer_count] = -1;
	image->layers[image->layer_count++] = path;
	image->layers[image->layer_count] = NULL;
}

static int read_config(const char *text, struct image_config *ret_config, struct err *err)
{
	json_t *object = *text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_object();
	int result = image_config_from_json(object, ret_config, err);

	json_decref(object);
	return result;
}

/* The columns of lookup_sql. */
enum { COL_DIGEST, COL_ROOTFS, COL_CONFIG, COL_LAYER, COL_FS_TYPE };
static const char lookup_sql[] =
	"SELECT images.digest, rootfs_path, oci_json, image_layers.digest, fs_type"
	" FROM images LEFT JOIN image_layers USING (scope, tag)"
	" WHERE scope = ? AND tag = ? ORDER BY ordinal";

/* The layer of the current row. */
static int read_layer(struct store *store, struct db_query *query, struct image *image,
		      struct err *err)
{
	const char *fs_type = db_column_text(query, COL_FS_TYPE);

	if (!*fs_type)
		return 0; /* an entry without layers */
	if (strcmp(fs_type, "erofs") != 0)
		return err_set(err, ERR_INVALID, "invalid layer filesystem type \"%s\"", fs_type);
	if (image->layer_count == LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_LIMIT, "more than %d layers", LIMIT_IMAGE_LAYERS);
	add_layer(image, store_blob_path(store, db_column_text(query, COL_LAYER)));
	return 0;
}

/* Reads the entry: 1, 0 if there is none, -1.  *ret_rootfs is the blob of rootfs_path. */
static int read_entry(struct store *store, struct db_query *query, struct image *image,
		      char **ret_rootfs, struct err *err)
{
	const char *slash;
	int got = db_next(query, err);

	if (got <= 0)
		return got;
	slash = strrchr(db_column_text(query, COL_ROOTFS), '/');
	*ret_rootfs = xasprintf("%s/blobs/%s", store->dir, slash ? slash + 1 : "");
	image->digest = xstrdup(db_column_text(query, COL_DIGEST));
	if (read_config(db_column_text(query, COL_CONFIG), &image->config, err) < 0)
		return -1;
	for (; got > 0; got = db_next(query, err)) {
		if (read_layer(store, query, image, err) < 0)
			return -1;
	}
	return got < 0 ? -1 : 1;
}

/* Replaces the layers by the merged blob if `rootfs` is one. */
static void use_merged(struct image *image, char **rootfs)
{
	uint64_t bytes;

	for (size_t i = 0; i < image->layer_count; i++) {
		if (strcmp(image->layers[i], *rootfs) == 0)
			return;
	}
	if (!blob_allocated(*rootfs, &bytes))
		return;
	release_layers(image);
	add_layer(image, STEAL(*rootfs));
}

/* Locks one blob and adds its size: 1, 0 if it is missing, -1. */
static int hold_layer(struct image *image, size_t i, struct err *err)
{
	AUTO_FD int fd = open(image->layers[i], O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open '%s'", image->layers[i]);
	if (store_flock(fd, LOCK_SH, DB_BUSY_MS, image->layers[i], err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat '%s'", image->layers[i]);
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_nlink == 0)
		return 0; /* removed between open and lock */
	image->size += (uint64_t)st.st_blocks * 512;
	image->locks[i] = STEAL_FD(fd);
	return 1;
}

static int hold_layers(struct image *image, struct err *err)
{
	int got = 1;

	for (size_t i = 0; i < image->layer_count && got == 1; i++)
		got = hold_layer(image, i, err);
	return image->layer_count == 0 ? 0 : got;
}

int store_lookup(struct store *store, const char *scope, const char *tag, struct image **ret_image,
		 struct err *err)
{
	AUTO(auto_image) struct image *image = xcalloc(1, sizeof(*image));
	AUTO(db_query_done) struct db_query query = {0};
	AUTO_FREE char *rootfs = NULL;
	int got;

	image->scope = strcmp(scope, "local") == 0 ? "local" : "registry";
	image->tag = xstrdup(tag);
	if (db_select(store->db, lookup_sql, DB_VALUES(db_text(scope), db_text(tag)), &query, err) <
	    0)
		return -1;
	got = read_entry(store, &query, image, &rootfs, err);
	if (got < 0)
		return err_wrap(err, "image '%s'", tag);
	if (got == 0)
		return 0;
	use_merged(image, &rootfs);
	got = hold_layers(image, err);
	if (got == 1)
		*ret_image = STEAL(image);
	return got;
}

/* Lets the base image register itself.  ERR_NOT_FOUND when the program lies alone: what was
 * registered earlier may serve. */
static int provide_base(struct store *store, const char *ref, struct err *err)
{
	AUTO_FREE char *erofs = NULL, *json = NULL;

	if (path_artefact("base.erofs", &erofs, err) < 0 ||
	    path_artefact("base.json", &json, err) < 0)
		return -1;
	return base_image_ensure(store, ref, &(struct base_artefact){erofs, json}, err);
}

int store_find(struct store *store, const char *ref, struct image **ret_image, struct err *err)
{
	static const char *const scopes[] = {"local", "registry"};
	bool base_missing = base_image_is(ref) && provide_base(store, ref, err) < 0;
	AUTO_FREE char *quoted = text_quoted(ref);

	if (base_missing && err->code != ERR_NOT_FOUND)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		int got = store_lookup(store, scopes[i], ref, ret_image, err);

		if (got != 0)
			return got < 0 ? -1 : 0;
	}
	if (base_missing)
		return -1;
	return err_set(err, ERR_NOT_FOUND, NOT_IN_STORE, quoted);
}
