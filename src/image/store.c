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
#include "base/clock.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "image/base_image.h"
#include "image/store_internal.h"
#include "state/lock_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is said of an image that is nowhere: the one place to change once there is a pull. */
#define NOT_IN_STORE \
	"image %s is not in the local store; this build cannot pull yet: use matchlock/base"

/* Fills the empty layer_refs. */
#define REFS_INSERT                                                                    \
	"INSERT INTO layer_refs (digest, fs_type, ref_count, size, updated_at)"        \
	" SELECT digest, fs_type, count(*), max(size), strftime('%Y-%m-%dT%H:%M:%SZ')" \
	" FROM image_layers GROUP BY digest, fs_type"

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
	 "DELETE FROM layer_refs;" REFS_INSERT},
};

int store_open(const char *cache_home, struct store **ret_store, struct err *err)
{
	AUTO(auto_store) struct store *store = xcalloc(1, sizeof(*store));
	AUTO_FREE char *path = path_join(cache_home, "images/metadata.db");
	AUTO_FREE char *blobs = path_join(cache_home, "images/blobs");
	const struct db_module module = {"image", migrations, ARRAY_SIZE(migrations)};
	const struct db_spec spec = {
		.path = path,
		.hint = "set MATCHLOCK_CACHE to a directory that is",
		.modules = &module,
		.module_count = 1,
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

void image_free(struct image *image)
{
	if (!image)
		return;
	for (size_t i = 0; i < image->layer_count; i++)
		free(image->layers[i]);
	free(image->layers);
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

int store_lock(const struct store *store, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = path_join(store->dir, ".lock");

	return lock_file_acquire(path, DB_BUSY_MS, ret_fd, err);
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
	for (size_t i = 0; i < image->layer_count; i++)
		free(image->layers[i]);
	image->layer_count = 0;
	add_layer(image, STEAL(*rootfs));
}

/* Sums the layers up; false if one is missing. */
static bool layers_measure(struct image *image)
{
	uint64_t bytes;

	image->size = 0;
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!blob_allocated(image->layers[i], &bytes))
			return false;
		image->size += bytes;
	}
	return true;
}

int store_lookup(struct store *store, const char *scope, const char *tag, struct image **ret_image,
		 struct err *err)
{
	AUTO(auto_image) struct image *image = xcalloc(1, sizeof(*image));
	AUTO(db_query_done) struct db_query query = {0};
	AUTO_FREE char *rootfs = NULL;
	int got;

	image->tag = xstrdup(tag);
	if (db_select(store->db, lookup_sql, DB_VALUES(db_text(scope), db_text(tag)), &query, err) <
	    0)
		return -1;
	got = read_entry(store, &query, image, &rootfs, err);
	if (got < 0)
		return err_wrap(err, "image '%s'", tag);
	if (got == 0 || !layers_measure(image))
		return 0;
	use_merged(image, &rootfs);
	if (image->layer_count == 0 || !layers_measure(image))
		return 0;
	*ret_image = STEAL(image);
	return 1;
}

/* Replaces the layers of the entry; *ret_bytes is what they allocate. */
static int save_layers(struct store *store, const struct store_entry *entry, uint64_t *ret_bytes,
		       struct err *err)
{
	*ret_bytes = 0;
	if (db_run(store->db, "DELETE FROM image_layers WHERE scope = ? AND tag = ?",
		   DB_VALUES(db_text(entry->scope), db_text(entry->tag)), err) < 0)
		return -1;
	for (size_t i = 0; i < entry->layer_count; i++) {
		AUTO_FREE char *path = store_blob_path(store, entry->layers[i]);
		uint64_t bytes;

		if (!blob_allocated(path, &bytes))
			return err_set(err, ERR_NOT_FOUND, "layer '%s' is not there", path);
		*ret_bytes += bytes;
		if (db_run(store->db,
			   "INSERT INTO image_layers (scope, tag, ordinal, digest, fs_type, size)"
			   " VALUES (?, ?, ?, ?, 'erofs', ?)",
			   DB_VALUES(db_text(entry->scope), db_text(entry->tag), db_int((int64_t)i),
				     db_text(entry->layers[i]), db_int((int64_t)bytes)),
			   err) < 0)
			return -1;
	}
	return 0;
}

static int save_image(struct store *store, const struct store_entry *entry, uint64_t bytes,
		      struct err *err)
{
	AUTO_FREE char *rootfs = store_blob_path(store, entry->layers[entry->layer_count - 1]);
	AUTO_FREE char *config = NULL;
	json_t *object = image_config_to_json(entry->config);
	char now[CLOCK_TEXT_SIZE];

	config = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	clock_now_text(now);
	return db_run(store->db,
		      "INSERT OR REPLACE INTO images (scope, tag, digest, size, created_at, source,"
		      " rootfs_path, oci_json, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      DB_VALUES(db_text(entry->scope), db_text(entry->tag), db_text(entry->digest),
				db_int((int64_t)bytes), db_text(now), db_text(entry->source),
				db_text(rootfs), db_text(config), db_text(now)),
		      err);
}

int store_save(struct store *store, const struct store_entry *entry, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;
	uint64_t bytes;

	if (db_begin(store->db, &change, err) < 0 || save_layers(store, entry, &bytes, err) < 0 ||
	    save_image(store, entry, bytes, err) < 0 ||
	    db_run(store->db, "DELETE FROM layer_refs", NULL, 0, err) < 0 ||
	    db_run(store->db, REFS_INSERT, NULL, 0, err) < 0)
		return -1;
	return db_commit(&change, err);
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
