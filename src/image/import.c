// SPDX-License-Identifier: MIT
/*
 * An import: see import.h.
 *
 * Happy path: index.json, by way of the index of the platform where there is one, names the
 * manifest, the config and the layers by digest (an OCI layout, which Docker too writes since its
 * version 25); without it manifest.json names the config and the layers by their members.  Then
 * each layer goes through image/layer.h into its blob, one after the other.
 *
 * Failure modes: what is missing or has another digest than its name says is refused; a layer that
 * was not finished leaves nothing.
 */
#include "image/import.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/strv.h"
#include "image/archive.h"
#include "image/blobs.h"
#include "image/doc.h"
#include "image/layer.h"
#include "image/layer_order.h"
#include "image/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { INDEXES_MAX = 3 };

struct import {
	const struct worker_job *job;
	const struct pull_sink *sink;
	struct archive_file *file;
	char **members; /* of the layers */
	char **digests; /* of the same; empty: not known */
	char **diff_ids;
	uint64_t unpacked;
	struct layer_order *order;
	struct pulled *pulled;
};

static void import_done(struct import *import)
{
	archive_file_free(import->file);
	strv_free(import->members);
	strv_free(import->digests);
	strv_free(import->diff_ids);
	layer_order_free(import->order);
}

static struct view view_of_buf(const struct buf *buf)
{
	return (struct view){buf->ptr, buf->len};
}

/* --- documents --- */

/* "blobs/sha256/HEX", malloc'ed. */
static char *blob_member(const char *digest)
{
	return xasprintf("blobs/sha256/%s", strchr(digest, ':') + 1);
}

/* A document of an OCI layout, its digest checked. */
static int read_blob(struct import *import, const char *digest, struct buf *ret_bytes,
		     struct err *err)
{
	AUTO_FREE char *member = blob_member(digest);
	char got[DIGEST_TEXT_SIZE];

	if (archive_file_document(import->file, member, ret_bytes, err) < 0)
		return -1;
	digest_of(ret_bytes->ptr, ret_bytes->len, got);
	if (strcmp(got, digest) != 0)
		return err_set(err, ERR_PROTOCOL, "archive: '%s' has digest %s", member, got);
	return 0;
}

/* From an index to what it has for us: its only item, or the one of the platform. */
static int enter_index(struct import *import, struct manifest *manifest,
		       char ret_digest[DIGEST_TEXT_SIZE], struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	AUTO(manifest_done) struct manifest index = *manifest;
	const struct descriptor *item = index.items;

	*manifest = (struct manifest){0};
	if (index.count != 1 && manifest_choose(&index, &import->job->platform, &item, err) < 0)
		return -1;
	if (read_blob(import, item->digest, &bytes, err) < 0)
		return -1;
	memcpy(ret_digest, item->digest, DIGEST_TEXT_SIZE);
	return manifest_parse(view_of_buf(&bytes), manifest, err);
}

/* An OCI layout. */
static int read_layout(struct import *import, const struct buf *index, struct buf *ret_config,
		       char ret_digest[DIGEST_TEXT_SIZE], struct err *err)
{
	AUTO(manifest_done) struct manifest manifest = {0};

	if (manifest_parse(view_of_buf(index), &manifest, err) < 0)
		return -1;
	for (int i = 0; i < INDEXES_MAX && manifest.is_index; i++) {
		if (enter_index(import, &manifest, ret_digest, err) < 0)
			return -1;
	}
	if (manifest.is_index)
		return err_set(err, ERR_INVALID, "archive: indexes within indexes");
	for (size_t i = 0; i < manifest.count; i++) {
		strv_take(&import->members, blob_member(manifest.items[i].digest));
		strv_add(&import->digests, manifest.items[i].digest);
	}
	return read_blob(import, manifest.config.digest, ret_config, err);
}

/* `docker save`: [{"Config": MEMBER, "Layers": [MEMBER, ...]}].  Its id is the config's digest. */
static int read_docker(struct import *import, const struct buf *list, struct buf *ret_config,
		       char ret_digest[DIGEST_TEXT_SIZE], struct err *err)
{
	AUTO(auto_json) json_t *root = json_loadb(list->ptr, list->len, 0, NULL);
	json_t *image = json_array_get(root, 0), *layers = json_object_get(image, "Layers"), *layer;
	const char *config = json_string_value(json_object_get(image, "Config"));
	size_t i;

	if (!config || json_array_size(layers) > LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_INVALID, "archive: manifest.json names no image");
	if (json_array_size(root) > 1)
		return err_set(err, ERR_INVALID, "archive: has %zu images: save one at a time",
			       json_array_size(root));
	json_array_foreach(layers, i, layer)
	{
		const char *member = json_string_value(layer);

		if (!member)
			return err_set(err, ERR_INVALID, "archive: manifest.json: bad Layers");
		strv_add(&import->members, member);
		strv_add(&import->digests, "");
	}
	if (archive_file_document(import->file, config, ret_config, err) < 0)
		return -1;
	digest_of(ret_config->ptr, ret_config->len, ret_digest);
	return 0;
}

static int read_documents(struct import *import, struct pulled *pulled, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(0), config = BUF_INIT(0);
	int rc = archive_file_document(import->file, "index.json", &bytes, err);

	if (rc == 0) {
		rc = read_layout(import, &bytes, &config, pulled->digest, err);
	} else if (err->code == ERR_NOT_FOUND) {
		rc = archive_file_document(import->file, "manifest.json", &bytes, err);
		if (rc < 0 && err->code == ERR_NOT_FOUND)
			return err_set(err, ERR_INVALID,
				       "archive: neither an OCI layout nor of 'docker save'");
		if (rc == 0)
			rc = read_docker(import, &bytes, &config, pulled->digest, err);
	}
	if (rc < 0 || config_parse(view_of_buf(&config), &import->job->platform, &pulled->config,
				   &import->diff_ids, err) < 0)
		return -1;
	if (!import->members || strv_count(import->members) != strv_count(import->diff_ids))
		return err_set(err, ERR_INVALID, "archive: %zu layers, but the config has %zu",
			       strv_count(import->members), strv_count(import->diff_ids));
	return 0;
}

/* --- layers --- */

static int put_in_layer(void *ctx, const void *bytes, size_t len, struct err *err)
{
	return layer_write(ctx, bytes, len, err);
}

static int check_layer(struct import *import, size_t index, const struct layer_result *result,
		       struct err *err)
{
	const char *digest = import->digests[index];

	if (*digest && strcmp(digest, result->digest) != 0)
		return err_set(err, ERR_PROTOCOL, "has digest %s", result->digest);
	if (strcmp(result->diff_id, import->diff_ids[index]) != 0)
		return err_set(err, ERR_PROTOCOL, "unpacks to %s, but the image's config says %s",
			       result->diff_id, import->diff_ids[index]);
	import->unpacked += result->tar_size;
	if (import->unpacked > import->job->max_size)
		return err_set(err, ERR_LIMIT, "the image unpacks to more than %" PRIu64 " bytes",
			       import->job->max_size);
	return 0;
}

/* For what a layer needs of one below it. */
static int open_finished(void *ctx, size_t index, int *ret_fd, struct err *err)
{
	const struct import *import = ctx;

	return blob_open(import->sink->blobs, import->pulled->layers[index].blob, ret_fd, err);
}

static int convert(struct import *import, size_t index, struct blob *blob,
		   struct pulled_layer *pulled, struct err *err)
{
	const struct layer_limits limits = {import->job->max_size, LIMIT_LAYER_RATIO};
	const struct layer_place place = {import->order, index, open_finished, import};
	AUTO(auto_layer) struct layer *layer = NULL;
	struct layer_result result;

	if (layer_open(blob->fd, &limits, &place, &layer, err) < 0 ||
	    archive_file_read(import->file, import->members[index], NULL, put_in_layer, layer,
			      err) < 0 ||
	    layer_finish(layer, &result, err) < 0 || check_layer(import, index, &result, err) < 0)
		return -1;
	memcpy(pulled->digest, result.digest, DIGEST_TEXT_SIZE);
	return blob_commit(blob, result.chained, err);
}

static int import_layer(struct import *import, size_t index, struct err *err)
{
	struct pulled_layer *layer = &import->pulled->layers[index];
	const char *diff_id = import->diff_ids[index];
	AUTO(blob_abandon) struct blob blob = BLOB_INIT;
	int cached = blob_begin(import->sink->blobs, import->diff_ids, index, &blob, err);
	struct pull_progress progress = {.layer = index,
					 .layer_count = import->pulled->layer_count,
					 .digest = layer->digest};

	if (cached < 0)
		return -1;
	/* A layer that is there already is not read: where the archive does not say what digest it
	 * has, it goes by its diff id, which is that of an uncompressed layer. */
	memcpy(layer->digest, *import->digests[index] ? import->digests[index] : diff_id,
	       DIGEST_TEXT_SIZE);
	if (!cached && convert(import, index, &blob, layer, err) < 0)
		return err_wrap(err, "layer '%s'", import->members[index]);
	memcpy(layer->blob, blob.digest, DIGEST_TEXT_SIZE);
	layer_order_finish(import->order, index);
	progress.cached = cached;
	progress.finished = true;
	return import->sink->report(import->sink->ctx, &progress, err);
}

int import_run(const struct worker_job *job, int fd, const struct pull_sink *sink,
	       struct pulled *ret_pulled, struct err *err)
{
	AUTO(import_done) struct import import = {.job = job, .sink = sink};
	AUTO(pulled_done) struct pulled pulled = {0};

	if (archive_file_open(fd, job->max_size, sink->blobs, &import.file, err) < 0 ||
	    read_documents(&import, &pulled, err) < 0)
		return -1;
	pulled.layer_count = strv_count(import.diff_ids);
	pulled.layers = xcalloc(pulled.layer_count, sizeof(*pulled.layers));
	import.pulled = &pulled;
	import.order = layer_order_new(pulled.layer_count);
	for (size_t i = 0; i < pulled.layer_count; i++) {
		if (import_layer(&import, i, err) < 0)
			return -1;
	}
	*ret_pulled = pulled;
	pulled = (struct pulled){0};
	return 0;
}
