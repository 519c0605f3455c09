// SPDX-License-Identifier: MIT
/*
 * image/manifest.c and image/platform.c: the input is a manifest or an index as a registry gives
 * it.  Besides not crashing: what is accepted has digests that can be verified, layers that can be
 * unpacked and sizes within the limits, and an index is searched for every platform that it names.
 */
#include "image/manifest.h"

#include "base/auto.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void check_image(const struct manifest *manifest)
{
	assert(manifest->count > 0 && manifest->count <= LIMIT_IMAGE_LAYERS);
	assert(digest_is_valid(manifest->config.digest));
	assert(manifest->config.size <= LIMIT_CONFIG_FILE);
	for (size_t i = 0; i < manifest->count; i++) {
		enum layer_compression compression;
		struct err err;
		int result = layer_media_type(manifest->items[i].media_type, &compression, &err);

		assert(result == 0);
		assert(digest_is_valid(manifest->items[i].digest));
		assert(manifest->items[i].size <= LIMIT_EROFS_IMAGE);
	}
}

static void check_index(const struct manifest *index)
{
	assert(index->count <= LIMIT_IMAGE_MANIFESTS);
	for (size_t i = 0; i < index->count; i++) {
		const struct descriptor *item = NULL;
		struct err err = {0};

		if (manifest_choose(index, &index->platforms[i], &item, &err) == 0)
			assert(item >= index->items && item < index->items + index->count);
		else
			assert(err.code == ERR_NOT_FOUND && err.msg[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(manifest_done) struct manifest manifest = {0};
	struct err err = {0};

	if (manifest_parse((struct view){(const char *)data, size}, &manifest, &err) < 0) {
		assert((err.code == ERR_INVALID || err.code == ERR_LIMIT) && err.msg[0]);
		return 0;
	}
	if (manifest.is_index)
		check_index(&manifest);
	else
		check_image(&manifest);
	return 0;
}
