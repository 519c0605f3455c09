// SPDX-License-Identifier: MIT
#include "image/auth.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "state/test_home.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HUB "index.docker.io"

static char *home;

/* A file below the test's directory. */
static void put(const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = path_join(home, name);
	struct err err = {0};

	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), mode, &err) == 0);
}

/* docker's own file. */
static void config(const char *text)
{
	put("docker/config.json", text, 0600);
}

/* `want`: "USER PASSWORD TOKEN" with "-" for what is not there, or the error. */
static void check(const char *registry, const char *repository, const char *want)
{
	AUTO(credentials_done) struct credentials found = {0};
	AUTO_FREE char *got = NULL;
	struct err err = {0};

	if (auth_find(registry, repository, &found, &err) < 0) {
		const char *place = strstr(err.msg, home);

		/* The directory's name is another one each time. */
		CHECK_STR(place == err.msg ? err.msg + strlen(home) + 1 : err.msg, want);
		return;
	}
	got = xasprintf("%s %s %s", found.username ? found.username : "-",
			found.password ? found.password : "-",
			found.identity_token ? found.identity_token : "-");
	CHECK_STR(got, want);
}

static void test_entries(void)
{
	TEST("without any file one is anonymous");
	check(HUB, "library/a", "- - -");

	TEST("entries of docker's file, in each of their forms");
	/* dTpwOnc= is u:p:w */
	config("{\"auths\": {\"r.example\": {\"auth\": \"dTpwOnc=\"}, \"s.example:5000\": "
	       "{\"username\": \"me\", \"password\": \"pw\"}, \"t.example\": "
	       "{\"auth\": \"dTpwOnc=\", \"identitytoken\": \"tok\"}, \"e.example\": {}}, "
	       "\"HttpHeaders\": {\"x\": 1}}");
	check("r.example", "a", "u p:w -");
	check("s.example:5000", "a", "me pw -");
	check("t.example", "a", "- - tok");
	check("e.example", "a", "- - -");
	check("s.example", "a", "- - -");
	check(HUB, "library/a", "- - -");

	TEST("Docker Hub goes by several names, docker's own first");
	config("{\"auths\": {\"docker.io\": {\"username\": \"b\"}, "
	       "\"https://index.docker.io/v1/\": {\"username\": \"a\"}}}");
	check(HUB, "library/a", "a  -");
	config("{\"auths\": {\"docker.io\": {\"username\": \"b\"}}}");
	check(HUB, "library/a", "b  -");

	TEST("keys with scheme, version or path fit as they should");
	config("{\"auths\": {\"https://h.example/v1/\": {\"username\": \"url\"}, "
	       "\"http://i.example/v2/\": {\"username\": \"i\"}, "
	       "\"h.example/team\": {\"username\": \"team\"}, "
	       "\"h.example/team/app/\": {\"username\": \"app\"}}}");
	check("h.example", "other", "url  -");
	check("h.example", "team", "team  -");
	check("h.example", "team/x", "team  -");
	check("h.example", "team/app", "app  -");
	check("h.example", "team/app/x", "app  -");
	check("h.example", "teams/x", "url  -");
	check("i.example", "x", "i  -");
}

static void test_bad_files(void)
{
	TEST("a bad file is an error that shows no secret");
	config("{\"auths\": {\"r\": {\"password\": secret}}}");
	check("r", "a", "docker/config.json: line 1, column 35: not valid JSON");
	config("{\"auths\": {\"r\": {\"auth\": \"secret\"}}}");
	check("r", "a",
	      "docker/config.json: auths[\"r\"].auth must be the base64 of USER:PASSWORD");
	config("{\"auths\": {\"r\": {\"auth\": \"dTpw=\"}}}");
	check("r", "a",
	      "docker/config.json: auths[\"r\"].auth must be the base64 of USER:PASSWORD");
	config("{\"auths\": {\"r\": {\"auth\": \"dTr/\"}}}"); /* u:\xff */
	check("r", "a",
	      "docker/config.json: auths[\"r\"].auth must be the base64 of USER:PASSWORD");
	config("{\"auths\": {\"r\": \"secret\"}}");
	check("r", "a", "docker/config.json: auths[\"r\"] must be an object");
	config("{\"auths\": {\"r\": {\"username\": \"u\", \"password\": 1}}}");
	check("r", "a", "docker/config.json: auths[\"r\"].password must be a string");
	check("other", "a", "- - -");
}

static void test_places(void)
{
	AUTO_FREE char *auth_file = path_join(home, "auth-file.json");

	TEST("the next place is asked for what the one before does not know");
	config("{\"auths\": {\"one\": {\"username\": \"docker\"}}}");
	put("auth-file.json",
	    "{\"auths\": {\"one\": {\"username\": \"file\"}, \"two\": {\"username\": \"file\"}}}",
	    0600);
	put("run/containers/auth.json", "{\"auths\": {\"three\": {\"auth\": \"dTpw\"}}}", 0600);
	setenv("REGISTRY_AUTH_FILE", auth_file, 1);
	setenv("XDG_RUNTIME_DIR", home, 1);
	check("three", "a", "- - -");
	put("containers/auth.json", "{\"auths\": {\"three\": {\"auth\": \"dTpw\"}}}", 0600);
	check("one", "a", "docker  -");
	check("two", "a", "file  -");
	check("three", "a", "u p -");
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");

	TEST("without DOCKER_CONFIG the file is below HOME");
	unsetenv("DOCKER_CONFIG");
	check("one", "a", "- - -");
	put(".docker/config.json", "{\"auths\": {\"one\": {\"username\": \"home\"}}}", 0600);
	check("one", "a", "home  -");
	setenv("HOME", "/dev/null", 1);
	check("one", "a", "- - -");
	setenv("HOME", home, 1);
}

/* A helper which keeps what it was asked in the file `asked`. */
static const char helper[] =
	"#!/bin/sh\n"
	"read -r server\n"
	"printf '%s %s ' \"$*\" \"$server\" >>\"$HOME/asked\"\n"
	"case $server in\n"
	"good.example) echo '{\"ServerURL\":\"x\",\"Username\":\"hu\",\"Secret\":\"hs\"}' ;;\n"
	"https://index.docker.io/v1/) echo '{\"Username\":\"<token>\",\"Secret\":\"tok\"}' ;;\n"
	"broken.example) echo 'secret'; echo 'secret' >&2; exit 1 ;;\n"
	"odd.example) echo '{\"Username\":\"secret\"}' ;;\n"
	"long.example) head -c 1000000 /dev/zero ;;\n"
	"*) echo 'credentials not found in native keychain'; exit 1 ;;\n"
	"esac\n";

static void test_helpers(void)
{
	AUTO_FREE char *asked = path_join(home, "asked");
	AUTO_BUF struct buf said = BUF_INIT(4096);
	struct err err = {0};

	TEST("the helper for all is run, and asked as docker asks it");
	put("bin/docker-credential-fake", helper, 0700);
	config("{\"credsStore\": \"fake\", \"auths\": {\"good.example\": {}, \"plain.example\": "
	       "{\"username\": \"plain\"}}}");
	check("good.example", "a", "hu hs -");
	check(HUB, "library/a", "- - tok");
	CHECK(fd_read_file(AT_FDCWD, asked, &said, &err) == 0);
	CHECK_STR(said.ptr, "get good.example get https://index.docker.io/v1/ ");

	TEST("what it does not know may be in the file");
	check("plain.example", "a", "plain  -");
	check("unknown.example", "a", "- - -");

	TEST("a helper for one registry goes first, an empty name switches it off");
	config("{\"credHelpers\": {\"good.example\": \"fake\", \"off.example\": \"\"}, "
	       "\"credsStore\": \"missing\", \"auths\": {\"off.example\": {\"username\": "
	       "\"plain\"}}}");
	check("good.example", "a", "hu hs -");
	check("off.example", "a", "plain  -");
}

static void check_helper_error(const char *registry, const char *want)
{
	AUTO_FREE char *full = xasprintf("credentials for '%s' by '%s/docker/config.json': %s",
					 registry, home, want);

	check(registry, "a", full);
}

static void test_bad_helpers(void)
{
	TEST("a helper that fails is an error that shows nothing of what it said");
	config("{\"credsStore\": \"fake\"}");
	check_helper_error("broken.example",
			   "docker-credential-fake failed; to see why run: echo broken.example | "
			   "docker-credential-fake get");
	check_helper_error("odd.example",
			   "docker-credential-fake: answered without Username or Secret");
	check_helper_error("long.example",
			   "docker-credential-fake: the output is larger than 65536 bytes");
	config("{\"credsStore\": \"missing\"}");
	check_helper_error("good.example", "'docker-credential-missing' is not installed");
	config("{\"credsStore\": \"../fake\"}");
	check_helper_error("good.example", "\"../fake\" cannot be a credential helper's name");
}

static void make_dirs(void)
{
	static const char *const names[] = {"docker", ".docker", "bin", "containers",
					    "run/containers"};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *path = path_join(home, names[i]);

		CHECK(path_mkdirs(path, 0700, &err) == 0);
	}
}

int main(void)
{
	AUTO_FREE char *docker = NULL, *search = NULL;

	home = test_home_new();
	docker = path_join(home, "docker");
	search = xasprintf("%s/bin:%s", home, getenv("PATH"));
	setenv("HOME", home, 1);
	setenv("PATH", search, 1);
	setenv("DOCKER_CONFIG", docker, 1);
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");
	TEST("the places are made");
	make_dirs();
	test_entries();
	test_bad_files();
	test_helpers();
	test_bad_helpers();
	test_places();
	test_home_done(home);
	return tap_done();
}
