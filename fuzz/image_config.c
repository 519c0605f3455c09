// SPDX-License-Identifier: MIT
/*
 * api/image_config.c: the input is the JSON text of an image's settings, as a registry or a
 * database gives it.  Besides not crashing: what is accepted is printed as JSON that reads back to
 * the same.
 */
#include "api/image_config.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The text of a config. */
static char *print(const struct image_config *config)
{
	json_t *object = image_config_to_json(config);
	char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	assert(text);
	return text;
}

static int parse(const char *text, size_t len, struct image_config *ret_config, struct err *err)
{
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int result = image_config_from_json(object, ret_config, err);

	json_decref(object);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(image_config_done) struct image_config config = {0}, again = {0}, copy = {0};
	AUTO_FREE char *text = NULL, *text_again = NULL, *text_copy = NULL;
	struct err err = {0};
	int result;

	if (parse((const char *)data, size, &config, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	text = print(&config);
	result = parse(text, strlen(text), &again, &err);
	assert(result == 0);
	text_again = print(&again);
	assert(strcmp(text, text_again) == 0);
	image_config_copy(&config, &copy);
	text_copy = print(&copy);
	assert(strcmp(text, text_copy) == 0);
	return 0;
}
