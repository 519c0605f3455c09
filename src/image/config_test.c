// SPDX-License-Identifier: MIT
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"
#include "image/manifest.h"

#include <stdlib.h>

#define HEX16	"0123456789abcdef"
#define DIFF_ID "sha256:" HEX16 HEX16 HEX16 HEX16
#define ROOTFS	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_ID "\"]}"

static const struct platform wanted = {(char *)"linux", (char *)"amd64", (char *)""};

static void check_refused(const char *text, const char *want)
{
	struct image_config config;
	struct err err = {0};
	char **ids;

	CHECK(config_parse(view_of(text), &wanted, &config, &ids, &err) < 0);
	CHECK_STR(err.msg, want);
}

static void test_full(void)
{
	AUTO(image_config_done) struct image_config config = {0};
	AUTO(auto_strv) char **ids = NULL;
	struct err err = {0};

	TEST("what we act on is read");
	CHECK(config_parse(VIEW_LIT("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
				    "\"User\":\"65534:100\",\"WorkingDir\":\"/srv\","
				    "\"Entrypoint\":[\"/init\"],\"Cmd\":[\"a\",\"b c\"],"
				    "\"Env\":[\"A=1\",\"nothing\",\"=x\",\"B=\"],"
				    "\"Labels\":{\"x\":\"y\"}},\"rootfs\":{\"type\":\"layers\","
				    "\"diff_ids\":[\"" DIFF_ID "\",\"" DIFF_ID "\"]},"
				    "\"history\":[{}]}"),
			   &wanted, &config, &ids, &err) == 0);
	CHECK_STR(config.user, "65534:100");
	CHECK_STR(config.working_dir, "/srv");
	CHECK_STR(config.entrypoint[0], "/init");
	CHECK(strv_count(config.entrypoint) == 1 && strv_count(config.cmd) == 2);
	CHECK_STR(config.cmd[1], "b c");
	CHECK(strv_count(config.env) == 2);
	CHECK_STR(config.env[0], "A=1");
	CHECK_STR(config.env[1], "B=");
	CHECK(strv_count(ids) == 2);
	CHECK_STR(ids[1], DIFF_ID);
}

static void check_bare(const char *text)
{
	AUTO(image_config_done) struct image_config config = {0};
	AUTO(auto_strv) char **ids = NULL;
	struct err err = {0};

	CHECK(config_parse(view_of(text), &wanted, &config, &ids, &err) == 0);
	CHECK_STR(config.user, "");
	CHECK_STR(config.working_dir, "");
	CHECK(!config.entrypoint && !config.cmd && !config.env && strv_count(ids) == 1);
}

int main(void)
{
	test_full();

	TEST("all but the layers may be missing or null");
	check_bare("{" ROOTFS "}");
	check_bare("{\"config\":null,\"os\":null," ROOTFS "}");
	check_bare("{\"config\":{\"Cmd\":null,\"User\":null}," ROOTFS "}");

	TEST("a bad member is named");
	check_refused("{\"config\":[]," ROOTFS "}", "image config: config must be an object");
	check_refused("{\"config\":{\"User\":1}," ROOTFS "}",
		      "image config: config.User must be a string");
	check_refused("{\"config\":{\"Cmd\":\"sh\"}," ROOTFS "}",
		      "image config: config.Cmd must be a list");
	check_refused("{\"config\":{\"Env\":[1]}," ROOTFS "}",
		      "image config: config.Env must be a list of strings");
	check_refused("{\"os\":\"windows\"," ROOTFS "}",
		      "the image is for \"windows\"; only linux images can be run");
	check_refused("{}", "image config: rootfs.diff_ids is missing or empty");
	check_refused("{\"rootfs\":{\"diff_ids\":[\"" DIFF_ID "\",\"x\"]}}",
		      "image config: rootfs.diff_ids[1] must be sha256: and 64 lowercase hex "
		      "digits");
	check_refused("{\"config\":{\"Cmd\":[\"\\u0000\"]}," ROOTFS "}",
		      "image config: line 1, column 26: not valid JSON");

	TEST("an image for another platform is refused, where one is wanted");
	check_refused("{\"architecture\":\"arm64\",\"variant\":\"v8\"," ROOTFS "}",
		      "the image is for linux/arm64/v8, not for linux/amd64: build or choose "
		      "one for that ('pull --platform linux/arm64/v8' takes it as it is)");
	check_refused("{\"architecture\":\"a b\"," ROOTFS "}",
		      "the image is for \"linux/a b\", not for linux/amd64: build or choose "
		      "one for that ('pull --platform \"linux/a b\"' takes it as it is)");
	check_refused("{\"architecture\":1," ROOTFS "}",
		      "image config: architecture must be a string");
	check_bare("{\"architecture\":\"x86_64\"," ROOTFS "}");
	check_bare("{\"architecture\":\"amd64\",\"variant\":\"v3\"," ROOTFS "}");
	return tap_done();
}
