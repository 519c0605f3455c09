// SPDX-License-Identifier: MIT
/*
 * Manifests and indexes of OCI and of Docker's schema 2, which differ in media types only.
 *
 * The document is parsed strictly (doc.h), told manifest from index by its members, and each
 * descriptor is checked before anything is fetched by it: a digest that can be verified, a size
 * within our limits, a layer that is a tar.  A document that would be a manifest and an index at
 * once is refused, so that nobody can sign the one and have us run the other.  Every error names
 * the member.  Choosing from an index is platform.c, the image's settings are config.c.
 */
#include "image/manifest.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "image/doc.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEMA_VERSION = 2, WHERE_SIZE = 64 };

static const struct layer_type {
	const char *media_type;
	enum layer_compression compression;
} layer_types[] = {
	{"application/vnd.oci.image.layer.v1.tar", LAYER_PLAIN},
	{"application/vnd.oci.image.layer.v1.tar+gzip", LAYER_GZIP},
	{"application/vnd.oci.image.layer.v1.tar+zstd", LAYER_ZSTD},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar", LAYER_PLAIN},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LAYER_GZIP},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", LAYER_ZSTD},
	{"application/vnd.docker.image.rootfs.diff.tar", LAYER_PLAIN},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER_GZIP},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", LAYER_ZSTD},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar", LAYER_PLAIN},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LAYER_GZIP},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar.zstd", LAYER_ZSTD},
};

/* Early docker pushed its settings as a plain stream of bytes. */
static const char *const config_types[] = {"application/vnd.oci.image.config.v1+json",
					   "application/vnd.docker.container.image.v1+json",
					   "application/octet-stream"};

int layer_media_type(const char *media_type, enum layer_compression *ret_compression,
		     struct err *err)
{
	AUTO_FREE char *quoted = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++) {
		if (strcmp(layer_types[i].media_type, media_type) != 0)
			continue;
		*ret_compression = layer_types[i].compression;
		return 0;
	}
	quoted = text_quoted(media_type);
	return err_set(err, ERR_INVALID, "%s is not a tar layer", quoted);
}

static void descriptor_done(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->digest);
}

static int read_size(json_t *object, const char *where, uint64_t max, uint64_t *ret_size,
		     struct err *err)
{
	json_t *size = json_object_get(object, "size");

	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return doc_wrong(where, "size", "a number of bytes", err);
	*ret_size = (uint64_t)json_integer_value(size);
	if (*ret_size > max)
		return err_set(err, ERR_LIMIT, "%ssize: %llu bytes is more than %llu", where,
			       (unsigned long long)*ret_size, (unsigned long long)max);
	return 0;
}

static int read_descriptor(json_t *object, const char *where, uint64_t max,
			   struct descriptor *ret_descriptor, struct err *err)
{
	const char *media_type, *digest;

	if (!json_is_object(object))
		return err_set(err, ERR_INVALID, "%.*s must be an object", (int)strlen(where) - 1,
			       where);
	if (doc_string(object, where, "mediaType", &media_type, err) < 0 ||
	    doc_string(object, where, "digest", &digest, err) < 0 ||
	    read_size(object, where, max, &ret_descriptor->size, err) < 0)
		return -1;
	if (!media_type)
		return doc_wrong(where, "mediaType", "there", err);
	if (!digest || !digest_is_valid(digest))
		return doc_wrong(where, "digest", "sha256: and 64 lowercase hex digits", err);
	ret_descriptor->media_type = xstrdup(media_type);
	ret_descriptor->digest = xstrdup(digest);
	return 0;
}

/* A description of anything but an image has a config of another type (or an empty one). */
static int read_config(json_t *root, struct manifest *manifest, struct err *err)
{
	AUTO_FREE char *quoted = NULL;
	json_t *config;

	if (doc_object(root, "manifest: ", "config", &config, err) < 0)
		return -1;
	if (!config)
		return doc_wrong("manifest: ", "config", "there", err);
	if (read_descriptor(config, "manifest: config.", LIMIT_CONFIG_FILE, &manifest->config,
			    err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(config_types); i++) {
		if (strcmp(config_types[i], manifest->config.media_type) == 0)
			return 0;
	}
	quoted = text_quoted(manifest->config.media_type);
	return err_set(err, ERR_INVALID, "manifest: this is no container image but %s", quoted);
}

static int read_layers(json_t *root, struct manifest *manifest, struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (doc_list(root, "manifest: ", "layers", LIMIT_IMAGE_LAYERS, &list, err) < 0)
		return -1;
	if (json_array_size(list) == 0)
		return err_set(err, ERR_INVALID, "manifest: the image has no layers");
	manifest->items = xcalloc(json_array_size(list), sizeof(*manifest->items));
	json_array_foreach(list, i, item)
	{
		enum layer_compression compression;
		char where[WHERE_SIZE];

		snprintf(where, sizeof(where), "manifest: layers[%zu].", i);
		manifest->count = i + 1;
		if (read_descriptor(item, where, LIMIT_EROFS_IMAGE, &manifest->items[i], err) < 0)
			return -1;
		if (layer_media_type(manifest->items[i].media_type, &compression, err) < 0)
			return err_wrap(err, "%smediaType", where);
	}
	return 0;
}

/* All three may be missing, and are "" then. */
static int read_platform(json_t *item, const char *where, struct platform *ret_platform,
			 struct err *err)
{
	const char *os = NULL, *architecture = NULL, *variant = NULL;
	char inside[WHERE_SIZE + 16];
	json_t *platform;

	snprintf(inside, sizeof(inside), "%splatform.", where);
	if (doc_object(item, where, "platform", &platform, err) < 0 ||
	    doc_string(platform, inside, "os", &os, err) < 0 ||
	    doc_string(platform, inside, "architecture", &architecture, err) < 0 ||
	    doc_string(platform, inside, "variant", &variant, err) < 0)
		return -1;
	*ret_platform = (struct platform){.os = xstrdup(os ? os : ""),
					  .architecture = xstrdup(architecture ? architecture : ""),
					  .variant = xstrdup(variant ? variant : "")};
	return 0;
}

static int read_index(json_t *root, struct manifest *index, struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (doc_list(root, "index: ", "manifests", LIMIT_IMAGE_MANIFESTS, &list, err) < 0)
		return -1;
	index->is_index = true;
	index->items = xcalloc(json_array_size(list) + 1, sizeof(*index->items));
	index->platforms = xcalloc(json_array_size(list) + 1, sizeof(*index->platforms));
	json_array_foreach(list, i, item)
	{
		char where[WHERE_SIZE];

		snprintf(where, sizeof(where), "index: manifests[%zu].", i);
		index->count = i + 1;
		if (read_descriptor(item, where, LIMIT_CONFIG_FILE, &index->items[i], err) < 0 ||
		    read_platform(item, where, &index->platforms[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Schema 1 has version 1, or none in its signed form's envelope, and layers by another name. */
static int check_schema(json_t *root, struct err *err)
{
	json_t *version = json_object_get(root, "schemaVersion");

	if (json_integer_value(version) == 1 || json_object_get(root, "fsLayers"))
		return err_set(err, ERR_INVALID,
			       "manifest: Docker's image format of schema 1 is not supported; "
			       "push the image again with a docker of 2017 or later");
	if (json_integer_value(version) != SCHEMA_VERSION)
		return doc_wrong("manifest: ", "schemaVersion", "2", err);
	return 0;
}

static int read_manifest(json_t *root, struct manifest *manifest, struct err *err)
{
	AUTO_FREE char *quoted = NULL;
	const char *media_type;
	bool index, image;

	if (check_schema(root, err) < 0 ||
	    doc_string(root, "manifest: ", "mediaType", &media_type, err) < 0)
		return -1;
	index = json_object_get(root, "manifests");
	image = json_object_get(root, "layers") || json_object_get(root, "config");
	if (index && image)
		return err_set(err, ERR_INVALID,
			       "manifest: it has both layers and manifests, and may have one");
	if (index)
		return read_index(root, manifest, err);
	if (!image) {
		quoted = text_quoted(media_type ? media_type : "without a mediaType");
		return err_set(err, ERR_INVALID, "manifest: %s is not an image", quoted);
	}
	if (read_config(root, manifest, err) < 0)
		return -1;
	return read_layers(root, manifest, err);
}

int manifest_parse(struct view bytes, struct manifest *ret_manifest, struct err *err)
{
	AUTO(manifest_done) struct manifest manifest = {0};
	AUTO(auto_json) json_t *root = NULL;

	if (doc_parse(bytes, "manifest", &root, err) < 0 || read_manifest(root, &manifest, err) < 0)
		return -1;
	*ret_manifest = manifest;
	manifest = (struct manifest){0};
	return 0;
}

void manifest_done(struct manifest *manifest)
{
	descriptor_done(&manifest->config);
	for (size_t i = 0; i < manifest->count; i++) {
		descriptor_done(&manifest->items[i]);
		if (manifest->platforms)
			platform_done(&manifest->platforms[i]);
	}
	free(manifest->items);
	free(manifest->platforms);
	*manifest = (struct manifest){0};
}
