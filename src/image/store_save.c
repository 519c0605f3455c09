// SPDX-License-Identifier: MIT
/*
 * What changes the rows of the store: see store.h and store_internal.h.
 *
 * Happy path: under images/.lock one transaction writes or deletes an entry with its layers and
 * counts the references to every layer anew, as the system that we replace does.
 *
 * Failure modes: those of state/db.h.  A blob that is not there when its image is saved is
 * ERR_NOT_FOUND: somebody removed it behind the store's back.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "image/store_internal.h"
#include "image/store_sum.h"
#include "image/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int store_count_refs(struct store *store, struct err *err)
{
	if (db_run(store->db, "DELETE FROM layer_refs", NULL, 0, err) < 0)
		return -1;
	return db_run(store->db, STORE_REFS_INSERT, NULL, 0, err);
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
	    save_image(store, entry, bytes, err) < 0 || store_count_refs(store, err) < 0)
		return -1;
	return db_commit(&change, err);
}

int store_save_pulled(struct store *store, const char *scope, const char *tag, const char *source,
		      const struct pulled *pulled, struct err *err)
{
	AUTO_FREE const char **layers = xcalloc(pulled->layer_count + 1, sizeof(char *));
	const struct store_entry entry = {
		.scope = scope,
		.tag = tag,
		.digest = pulled->digest,
		.source = source,
		.config = &pulled->config,
		.layers = layers,
		.layer_count = pulled->layer_count,
	};
	AUTO_FD int lock = -1;

	if (pulled->layer_count == 0)
		return err_set(err, ERR_INVALID, "the image has no layers");
	for (size_t i = 0; i < pulled->layer_count; i++)
		layers[i] = pulled->layers[i].blob;
	if (store_note_sums(store, layers, pulled->layer_count, err) < 0 ||
	    store_lock(store, &lock, err) < 0)
		return -1;
	return store_save(store, &entry, err);
}

static const char tag_image_sql[] =
	"INSERT OR REPLACE INTO images (scope, tag, digest, size, created_at, source, rootfs_path,"
	" oci_json, updated_at) SELECT 'local', ?1, digest, size, ?2, 'tag', rootfs_path, oci_json,"
	" ?2 FROM images WHERE scope = ?3 AND tag = ?4 AND digest = ?5";
static const char tag_layers_sql[] =
	"INSERT INTO image_layers (scope, tag, ordinal, digest, fs_type, size)"
	" SELECT 'local', ?1, ordinal, digest, fs_type, size FROM image_layers"
	" WHERE scope = ?2 AND tag = ?3";

int store_tag(struct store *store, const struct image *image, const char *tag, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;
	AUTO_FD int lock = -1;
	char now[CLOCK_TEXT_SIZE];

	if (strcmp(image->scope, "local") == 0 && strcmp(image->tag, tag) == 0)
		return 0;
	clock_now_text(now);
	if (store_lock(store, &lock, err) < 0 || db_begin(store->db, &change, err) < 0 ||
	    db_run(store->db, tag_image_sql,
		   DB_VALUES(db_text(tag), db_text(now), db_text(image->scope), db_text(image->tag),
			     db_text(image->digest)),
		   err) < 0)
		return -1;
	if (db_changes(store->db) == 0)
		return err_set(err, ERR_CONFLICT,
			       "the image was removed or replaced meanwhile: try again");
	if (db_run(store->db, "DELETE FROM image_layers WHERE scope = 'local' AND tag = ?",
		   DB_VALUES(db_text(tag)), err) < 0 ||
	    db_run(store->db, tag_layers_sql,
		   DB_VALUES(db_text(tag), db_text(image->scope), db_text(image->tag)), err) < 0 ||
	    store_count_refs(store, err) < 0)
		return -1;
	return db_commit(&change, err);
}

int store_forget(struct store *store, const char *scope, const char *tag, struct err *err)
{
	if (db_run(store->db, "DELETE FROM images WHERE scope = ? AND tag = ?",
		   DB_VALUES(db_text(scope), db_text(tag)), err) < 0)
		return -1;
	if (db_changes(store->db) == 0)
		return 0;
	if (db_run(store->db, "DELETE FROM image_layers WHERE scope = ? AND tag = ?",
		   DB_VALUES(db_text(scope), db_text(tag)), err) < 0)
		return -1;
	return 1;
}

int store_remove(struct store *store, const char *tag, struct err *err)
{
	AUTO(db_rollback) struct db *change = NULL;
	AUTO_FREE char *quoted = text_quoted(tag);
	AUTO_FD int lock = -1;
	int gone;

	if (store_lock(store, &lock, err) < 0 || db_begin(store->db, &change, err) < 0)
		return -1;
	gone = store_forget(store, "local", tag, err);
	if (gone == 0)
		gone = store_forget(store, "registry", tag, err);
	if (gone == 0)
		return err_set(err, ERR_NOT_FOUND, "image not found: %s", quoted);
	if (gone < 0 || store_count_refs(store, err) < 0)
		return -1;
	return db_commit(&change, err);
}
