// SPDX-License-Identifier: MIT
/*
 * An image as an OCI archive: see export.h.
 *
 * Happy path: oci-layout; each layer, made once to learn its digest and size and once more into the
 * archive; then config, manifest and index.json, which name what came before.
 *
 * Failure modes: those of export_layer() and of the output.  What was written until then is no
 * archive that anybody reads: its index is missing.
 */
#include "image/export.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/fd.h"
#include "crypto/digest.h"
#include "image/export_layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar"
#define NAME_KEY      "org.opencontainers.image.ref.name"

enum { BLOCK_SIZE = 256 * 1024 };

struct blob {
	char digest[DIGEST_TEXT_SIZE];
	uint64_t size;
};

struct out {
	struct archive *tar;
	struct archive_entry *entry;
	int fd;
	struct err *err;   /* where the reason goes if a write fails */
	bool write_failed; /* ... as it did */
	bool discard;	   /* something failed: what comes goes nowhere */
};

/* A failure is not told to libarchive, which would then leak its buffer: check() sees it. */
static la_ssize_t write_block(struct archive *tar ML_UNUSED, void *ctx, const void *bytes,
			      size_t len)
{
	struct out *out = ctx;

	if (!out->discard && fd_write_all(out->fd, bytes, len, "write the archive", out->err) < 0)
		out->write_failed = out->discard = true;
	return (la_ssize_t)len;
}

/* Behind each call of libarchive's. */
static int check(const struct out *out, bool ok, struct err *err)
{
	if (out->write_failed)
		return -1; /* which has filled *err */
	return ok ? 0
		  : err_set(err, ERR_INTERNAL, "write the archive: %s",
			    archive_error_string(out->tar));
}

static int out_file(struct out *out, const char *path, uint64_t size, struct err *err)
{
	archive_entry_clear(out->entry);
	archive_entry_set_pathname(out->entry, path);
	archive_entry_set_mode(out->entry, S_IFREG | 0644);
	archive_entry_set_size(out->entry, (la_int64_t)size);
	archive_entry_set_mtime(out->entry, 0, 0);
	return check(out, archive_write_header(out->tar, out->entry) == ARCHIVE_OK, err);
}

static int out_bytes(void *ctx, const void *bytes, size_t len, struct err *err)
{
	struct out *out = ctx;

	return check(out, archive_write_data(out->tar, bytes, len) == (la_ssize_t)len, err);
}

static int out_blob_start(struct out *out, const struct blob *blob, struct err *err)
{
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", blob->digest + strlen("sha256:"));

	return out_file(out, path, blob->size, err);
}

/* The document as a file `path`, or where that is NULL as a blob.  Takes the document over. */
static int out_json(struct out *out, const char *path, json_t *document, struct blob *ret_blob,
		    struct err *err)
{
	AUTO_FREE char *text =
		document ? json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(document);
	if (!text)
		return err_set(err, ERR_INVALID, "the image's settings are not UTF-8");
	ret_blob->size = strlen(text);
	digest_of(text, strlen(text), ret_blob->digest);
	if ((path ? out_file(out, path, ret_blob->size, err) : out_blob_start(out, ret_blob, err)) <
	    0)
		return -1;
	return out_bytes(out, text, strlen(text), err);
}

struct measure {
	struct digest *digest;
	uint64_t size;
};

static int measure_bytes(void *ctx, const void *bytes, size_t len, struct err *err ML_UNUSED)
{
	struct measure *measure = ctx;

	digest_update(measure->digest, bytes, len);
	measure->size += len;
	return 0;
}

static int out_layer(struct out *out, int fd, struct blob *ret_blob, struct err *err)
{
	AUTO(auto_digest) struct digest *digest = digest_new();
	struct measure measure = {.digest = digest};

	if (export_layer(fd, measure_bytes, &measure, err) < 0)
		return -1;
	digest_final(digest, ret_blob->digest);
	ret_blob->size = measure.size;
	if (out_blob_start(out, ret_blob, err) < 0)
		return -1;
	return export_layer(fd, out_bytes, out, err);
}

static json_t *descriptor(const char *type, const struct blob *blob)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", blob->digest, "size",
			 (json_int_t)blob->size);
}

/* Adds a text unless it is empty. */
static int set_text(json_t *object, const char *key, const char *text)
{
	return text && *text ? json_object_set_new(object, key, json_string(text)) : 0;
}

static int set_list(json_t *object, const char *key, char *const *list)
{
	json_t *array = json_array();

	for (size_t i = 0; list && list[i]; i++) {
		if (json_array_append_new(array, json_string(list[i])) < 0) {
			json_decref(array);
			return -1;
		}
	}
	if (json_array_size(array) > 0)
		return json_object_set_new(object, key, array);
	json_decref(array);
	return 0;
}

/* NULL: something is not UTF-8. */
static json_t *config_document(const struct export_request *request, const struct blob *layers)
{
	const struct image_config *config = request->config;
	json_t *run = json_object(), *diff_ids = json_array();

	for (size_t i = 0; i < request->layer_count; i++)
		json_array_append_new(diff_ids, json_string(layers[i].digest));
	if (set_text(run, "User", config->user) < 0 ||
	    set_text(run, "WorkingDir", config->working_dir) < 0 ||
	    set_list(run, "Entrypoint", config->entrypoint) < 0 ||
	    set_list(run, "Cmd", config->cmd) < 0 || set_list(run, "Env", config->env) < 0) {
		json_decref(run);
		json_decref(diff_ids);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:o, s:{s:s, s:o}}", "architecture", request->architecture,
			 "os", "linux", "config", run, "rootfs", "type", "layers", "diff_ids",
			 diff_ids);
}

static json_t *manifest_document(const struct blob *config, const struct blob *layers, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, descriptor(TYPE_LAYER, &layers[i]));
	return json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", TYPE_MANIFEST,
			 "config", descriptor(TYPE_CONFIG, config), "layers", list);
}

static json_t *index_document(const struct export_request *request, const struct blob *manifest)
{
	json_t *item = descriptor(TYPE_MANIFEST, manifest);

	if (request->name)
		json_object_set_new(item, "annotations",
				    json_pack("{s:s}", NAME_KEY, request->name));
	return json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", TYPE_INDEX,
			 "manifests", item);
}

static int write_layout(const struct export_request *request, struct out *out, struct blob *layers,
			struct err *err)
{
	struct blob config, manifest, unnamed;

	if (out_json(out, "oci-layout", json_pack("{s:s}", "imageLayoutVersion", "1.0.0"), &unnamed,
		     err) < 0)
		return -1;
	for (size_t i = 0; i < request->layer_count; i++) {
		if (out_layer(out, request->layers[i], &layers[i], err) < 0)
			return err_wrap(err, "layer %zu of %zu", i + 1, request->layer_count);
	}
	if (out_json(out, NULL, config_document(request, layers), &config, err) < 0 ||
	    out_json(out, NULL, manifest_document(&config, layers, request->layer_count), &manifest,
		     err) < 0)
		return -1;
	return out_json(out, "index.json", index_document(request, &manifest), &unnamed, err);
}

static int write_archive(const struct export_request *request, struct out *out, struct err *err)
{
	AUTO_FREE struct blob *layers = xcalloc(request->layer_count + 1, sizeof(*layers));

	if (archive_write_set_format_pax_restricted(out->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(out->tar, BLOCK_SIZE) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(out->tar, 1) != ARCHIVE_OK ||
	    archive_write_open(out->tar, out, NULL, write_block, NULL) != ARCHIVE_OK)
		return check(out, false, err);
	if (write_layout(request, out, layers, err) < 0)
		return -1;
	return check(out, archive_write_close(out->tar) == ARCHIVE_OK, err);
}

int export_image(const struct export_request *request, int out_fd, struct err *err)
{
	struct out out = {archive_write_new(), archive_entry_new(), .fd = out_fd, .err = err};
	int result;

	if (out.tar && out.entry)
		result = write_archive(request, &out, err);
	else
		result = err_set(err, ERR_INTERNAL, "libarchive gives no tar");
	out.discard = true; /* the end of an archive that failed */
	archive_entry_free(out.entry);
	archive_write_free(out.tar);
	return result;
}
