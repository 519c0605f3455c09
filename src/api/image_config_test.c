// SPDX-License-Identifier: MIT
#include "api/image_config.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

static int parse(const char *text, struct image_config *ret_config, struct err *err)
{
	json_t *object = json_loads(text, JSON_DECODE_ANY, NULL);
	int result = image_config_from_json(object, ret_config, err);

	json_decref(object);
	return result;
}

static void check_refused(const char *text, const char *want)
{
	struct image_config config;
	struct err err = {0};

	CHECK(parse(text, &config, &err) < 0);
	CHECK_STR(err.msg, want);
}

static void check_round(const char *text)
{
	AUTO(image_config_done) struct image_config config = {0}, copy = {0};
	struct err err = {0};
	json_t *object;
	char *again;

	CHECK(parse(text, &config, &err) == 0);
	image_config_copy(&config, &copy);
	object = image_config_to_json(&copy);
	again = json_dumps(object, JSON_COMPACT);
	CHECK_STR(again, text);
	free(again);
	json_decref(object);
}

static void test_count(void)
{
	json_t *object = json_object(), *cmd = json_array();
	struct image_config config;
	struct err err = {0};

	TEST("the number of words is limited");
	for (int i = 0; i <= LIMIT_IMAGE_CONFIG_ITEMS; i++)
		json_array_append_new(cmd, json_string(""));
	json_object_set_new(object, "cmd", cmd);
	CHECK(image_config_from_json(object, &config, &err) < 0 && err.code == ERR_LIMIT);
	json_decref(object);
}

int main(void)
{
	TEST("what was read is written again");
	check_round("{}");
	check_round("{\"user\":\"1000:1000\",\"working_dir\":\"/srv\",\"entrypoint\":[\"/bin/a\"],"
		    "\"cmd\":[\"-x\",\"\"],\"env\":{\"PATH\":\"/bin\",\"A\":\"x=y\"}}");

	TEST("missing, null and unknown members are no error");
	AUTO(image_config_done) struct image_config config = {0};
	struct err err = {0};
	CHECK(parse("{\"user\":null,\"cmd\":null,\"env\":null,\"new\":1}", &config, &err) == 0);
	CHECK_STR(config.user, "");
	CHECK_STR(config.working_dir, "");
	CHECK(!config.cmd && !config.env && !config.entrypoint);

	TEST("a wrong type is an error that names the member");
	check_refused("[]", "image config: not an object");
	check_refused("{\"user\":1}", "image config: 'user' must be a string");
	check_refused("{\"user\":\"a\",\"cmd\":\"sh\"}",
		      "image config: 'cmd' must be a list of strings");
	check_refused("{\"cmd\":[\"a\",1]}", "image config: 'cmd' must be a list of strings");
	check_refused("{\"env\":[\"A=1\"]}", "image config: 'env' must be an object of strings");
	check_refused("{\"env\":{\"A=B\":\"1\"}}",
		      "image config: 'A=B' cannot be a variable's name");
	test_count();
	return tap_done();
}
