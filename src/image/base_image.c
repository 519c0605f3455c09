// SPDX-License-Identifier: MIT
/*
 * The base image registers itself: see base_image.h.
 *
 * Happy path: the entry and its blob are what the artefact says, which is found out without a lock.
 * Else, under the store's lock, the layer is copied to a temporary name, synced, renamed and saved
 * in the local scope.
 *
 * Failure modes: those of state/db.h, no space, artefacts that do not read.  A crash leaves a
 * temporary file that the next copy overwrites.  Whatever is wrong with an existing entry or blob
 * is mended by making it anew.
 */
#include "image/base_image.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "image/store_gc.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What base.json says. */
struct manifest {
	char *digest, *diff_id;
	struct image_config config;
};

static void manifest_done(struct manifest *manifest)
{
	free(manifest->digest);
	free(manifest->diff_id);
	image_config_done(&manifest->config);
	*manifest = (struct manifest){0};
}

bool base_image_is(const char *ref)
{
	return strcmp(ref, "matchlock/base") == 0 || strcmp(ref, "matchlock/base:latest") == 0;
}

/* A member that is "sha256:" and 64 lowercase hex digits. */
static int take_digest(json_t *object, const char *key, char **ret_digest, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || strlen(text) != strlen("sha256:") + 64 || strncmp(text, "sha256:", 7) != 0 ||
	    strspn(text + 7, "0123456789abcdef") != 64)
		return err_set(err, ERR_INVALID, "'%s' is not a sha256 digest", key);
	*ret_digest = xstrdup(text);
	return 0;
}

static int manifest_take(json_t *object, struct manifest *manifest, struct err *err)
{
	if (take_digest(object, "digest", &manifest->digest, err) < 0 ||
	    take_digest(object, "diff_id", &manifest->diff_id, err) < 0)
		return -1;
	return image_config_from_json(json_object_get(object, "config"), &manifest->config, err);
}

static int manifest_read(const char *path, struct manifest *manifest, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);
	json_error_t error;
	json_t *object;
	int result;

	if (fd_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	object = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		return err_set(err, ERR_INVALID, "'%s': %s: run 'make' or install matchlock again",
			       path, error.text);
	result = manifest_take(object, manifest, err);
	json_decref(object);
	return result < 0 ? err_wrap(err, "'%s'", path) : 0;
}

static bool same_size(int a, int b)
{
	struct stat st_a, st_b;

	return fstat(a, &st_a) == 0 && fstat(b, &st_b) == 0 && st_a.st_size == st_b.st_size;
}

/* True if the store has what the artefact has, by digest and size: this is on the way of each
 * start, and `image check` is there for damage.  An entry that cannot be read is not: saving it
 * anew mends it, or says why not. */
static bool is_current(struct store *store, const char *ref, const struct manifest *manifest,
		       int erofs)
{
	AUTO_FREE char *path = store_blob_path(store, manifest->diff_id);
	AUTO_FD int blob = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(auto_image) struct image *image = NULL;
	struct err err;

	return blob >= 0 && store_lookup(store, "local", ref, &image, &err) > 0 &&
	       strcmp(image->digest, manifest->digest) == 0 && image->layer_count == 1 &&
	       strcmp(image->layers[0], path) == 0 && same_size(erofs, blob);
}

/* Makes a rename in the folder of `path` last. */
static int sync_folder(const char *path, struct err *err)
{
	AUTO_FREE char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "sync '%s'", dir);
	return 0;
}

static int copy_to(int erofs, const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", path);
	if (fd_copy_sparse(erofs, fd, path, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(err, errno, "write '%s'", path);
	return 0;
}

/* Under the store's lock. */
static int blob_install(struct store *store, const char *diff_id, int erofs, struct err *err)
{
	AUTO_FREE char *path = store_blob_path(store, diff_id);
	AUTO_FREE char *tmp = xasprintf("%s.tmp", path);

	if (copy_to(erofs, tmp, err) < 0) {
		unlink(tmp);
		return -1;
	}
	if (rename(tmp, path) < 0)
		return err_sys(err, errno, "rename '%s'", tmp);
	return sync_folder(path, err);
}

static int install(struct store *store, const char *ref, const struct manifest *manifest, int erofs,
		   struct err *err)
{
	const char *const layers[] = {manifest->diff_id};
	const struct store_entry entry = {
		.scope = "local",
		.tag = ref,
		.digest = manifest->digest,
		.source = "import",
		.config = &manifest->config,
		.layers = layers,
		.layer_count = 1,
	};
	AUTO_FD int pull = -1, lock = -1;

	if (store_begin_pull(store, &pull, err) < 0 || store_lock(store, &lock, err) < 0)
		return -1;
	if (is_current(store, ref, manifest, erofs))
		return 0;
	if (blob_install(store, manifest->diff_id, erofs, err) < 0) {
		if (err->sys == ENOSPC || err->sys == EDQUOT)
			return err_set(err, ERR_UNAVAILABLE,
				       "image store '%s': no space left: free some and try again",
				       store->dir);
		return -1;
	}
	return store_save(store, &entry, err);
}

int base_image_ensure(struct store *store, const char *ref, const struct base_artefact *artefact,
		      struct err *err)
{
	AUTO(manifest_done) struct manifest manifest = {0};
	AUTO_FD int erofs = open(artefact->erofs_path, O_RDONLY | O_CLOEXEC);

	if (erofs < 0)
		return err_sys(err, errno, "open '%s'", artefact->erofs_path);
	if (manifest_read(artefact->json_path, &manifest, err) < 0)
		return -1;
	if (is_current(store, ref, &manifest, erofs))
		return 0;
	if (install(store, ref, &manifest, erofs, err) < 0)
		return -1;
	store_gc_quietly(store); /* the blob of an earlier one */
	return 0;
}
