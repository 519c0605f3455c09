// SPDX-License-Identifier: MIT
#include "image/registries.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/strv.h"
#include "state/test_home.h"

#include <fcntl.h>
#include <stdlib.h>

static char *path; /* of registries.json */

static void write_file(const char *text)
{
	struct err err = {0};

	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), 0600, &err) == 0);
}

static void check_refused(const char *text, const char *want)
{
	AUTO_FREE char *full = xasprintf("%s: %s", path, want);
	struct registries registries;
	struct err err = {0};

	write_file(text);
	CHECK(registries_load(&registries, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, full);
}

static void test_good(void)
{
	AUTO(registries_done) struct registries none = {0}, some = {0}, empty = {0};
	const struct registry_settings *settings;
	struct err err = {0};

	TEST("no file means no settings");
	CHECK(registries_load(&none, &err) == 0 && none.count == 0);
	CHECK(!registries_find(&none, "index.docker.io"));
	write_file("{}");
	CHECK(registries_load(&empty, &err) == 0 && empty.count == 0);

	TEST("the settings of a registry are found");
	write_file("{\"registries\": {\"docker.io\": {\"mirrors\": [\"https://m.example/hub//\", "
		   "\"http://10.0.0.5:5000\"]}, \"r.example:5000\": {\"plain_http\": true, "
		   "\"ports\": [8443, 65535], \"ca\": \"/etc/ca.pem\"}, "
		   "\"[::1]:80\": {}}}");
	CHECK(registries_load(&some, &err) == 0 && some.count == 3);
	settings = registries_find(&some, "index.docker.io");
	CHECK(settings && !settings->plain_http && strv_count(settings->mirrors) == 2);
	CHECK_STR(settings ? settings->mirrors[0] : NULL, "https://m.example/hub");
	CHECK_STR(settings ? settings->mirrors[1] : NULL, "http://10.0.0.5:5000");
	settings = registries_find(&some, "r.example:5000");
	CHECK(settings && settings->plain_http && !settings->mirrors);
	CHECK(settings && settings->port_count == 2 && settings->ports[1] == 65535);
	CHECK_STR(settings ? settings->ca : NULL, "/etc/ca.pem");
	CHECK(!registries_find(&some, "r.example"));
}

static void test_bad(void)
{
	static const char *const urls[] = {"m.example",
					   "ftp://m.example",
					   "https://",
					   "https://u:p@m.example",
					   "https://m.example/a?b",
					   "https://m.example/a#b",
					   "https://m..example/a"};

	TEST("what is wrong is named with its place");
	check_refused("{", "line 1, column 1: not valid JSON");
	check_refused("{\"registry\": {}}", "\"registry\" is not known; there is 'registries'");
	check_refused("{\"registries\": []}", "registries must be an object");
	check_refused("{\"registries\": {\"a b\": {}}}",
		      "registries: \"a b\" must be a host, or a host and a port");
	check_refused("{\"registries\": {\"https://a\": {}}}",
		      "registries: \"https://a\" must be a host, or a host and a port");
	check_refused("{\"registries\": {\"a\": true}}", "registries[\"a\"] must be an object");
	check_refused("{\"registries\": {\"a\": {\"insecure\": true}}}",
		      "registries[\"a\"].\"insecure\" is not known; there is 'plain_http', "
		      "'mirrors', 'ports', 'ca'");
	check_refused("{\"registries\": {\"a\": {\"ca\": \"ca.pem\"}}}",
		      "registries[\"a\"].ca must be the absolute path of a file");
	check_refused("{\"registries\": {\"a\": {\"ports\": [1, 65536]}}}",
		      "registries[\"a\"].ports[1] must be 1 to 65535");
	check_refused("{\"registries\": {\"a\": {\"ports\": [0]}}}",
		      "registries[\"a\"].ports[0] must be 1 to 65535");
	check_refused("{\"registries\": {\"a\": {\"plain_http\": 1}}}",
		      "registries[\"a\"].plain_http must be true or false");
	check_refused("{\"registries\": {\"docker.io\": {}, \"index.docker.io\": {}}}",
		      "registries: Docker Hub is there twice");
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		AUTO_FREE char *text = xasprintf(
			"{\"registries\": {\"a\": {\"mirrors\": [\"https://m\", \"%s\"]}}}",
			urls[i]);

		check_refused(text, "registries[\"a\"].mirrors[1] must be like "
				    "\"https://mirror.example\" or "
				    "\"https://mirror.example:5000/prefix\"");
	}
}

int main(void)
{
	char *home = test_home_new();

	setenv("MATCHLOCK_HOME", home, 1);
	path = path_join(home, "registries.json");
	test_good();
	test_bad();
	free(path);
	test_home_done(home);
	return tap_done();
}
