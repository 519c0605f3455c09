// SPDX-License-Identifier: MIT
/*
 * image/config.c: the input is an image's config blob.  Besides not crashing: what is accepted can
 * be kept in the store's database (it reads back from its JSON), and its diff ids can be verified.
 */
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "crypto/digest.h"
#include "fuzz/fuzz.h"
#include "image/manifest.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(image_config_done) struct image_config config = {0}, again = {0};
	AUTO(auto_strv) char **ids = NULL;
	static const struct platform wanted = {(char *)"linux", (char *)"amd64", (char *)""};
	struct err err = {0};
	json_t *object;
	int result;

	if (config_parse((struct view){(const char *)data, size}, &wanted, &config, &ids, &err) <
	    0) {
		assert(err.msg[0] && (err.code == ERR_INVALID || err.code == ERR_LIMIT ||
				      err.code == ERR_NOT_FOUND));
		return 0;
	}
	assert(strv_count(ids) > 0 && strv_count(ids) <= LIMIT_IMAGE_LAYERS);
	for (size_t i = 0; ids[i]; i++)
		assert(digest_is_valid(ids[i]));
	object = image_config_to_json(&config);
	result = image_config_from_json(object, &again, &err);
	assert(result == 0);
	json_decref(object);
	return 0;
}
