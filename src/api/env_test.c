// SPDX-License-Identifier: MIT
#include "api/env.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdlib.h>

static const char *add_error(const char *entry)
{
	static struct err err;
	AUTO(auto_strv) char **list = NULL;

	return env_add(&list, entry, &err) < 0 ? err.msg : "(accepted)";
}

static void test_entries(void)
{
	AUTO(auto_strv) char **list = NULL;
	struct err err = {0};

	TEST("KEY=VALUE is taken verbatim, KEY from the caller's environment");
	setenv("ENV_TEST_SET", "from host", 1);
	setenv("ENV_TEST_EMPTY", "", 1);
	unsetenv("ENV_TEST_UNSET");
	CHECK(env_add(&list, "A= x=y ", &err) == 0);
	CHECK(env_add(&list, "  B \t=", &err) == 0);
	CHECK(env_add(&list, " ENV_TEST_SET ", &err) == 0);
	CHECK(env_add(&list, "ENV_TEST_EMPTY", &err) == 0);
	CHECK(strv_count(list) == 4);
	CHECK_STR(list[0], "A= x=y ");
	CHECK_STR(list[1], "B=");
	CHECK_STR(list[2], "ENV_TEST_SET=from host");
	CHECK_STR(list[3], "ENV_TEST_EMPTY=");

	TEST("what is refused");
	CHECK_STR(add_error("=x"), "environment variable name cannot be empty");
	CHECK_STR(add_error(""), "environment variable name cannot be empty");
	CHECK_STR(add_error("ENV_TEST_UNSET"), "environment variable is not set $ENV_TEST_UNSET");
	CHECK_STR(add_error("A=\xff"), "the value of \"A\" is not valid UTF-8");
	CHECK_STR(add_error("\xff=a"), "the name \"\\xff\" is not valid UTF-8");
}

static void test_files(void)
{
	static const char text[] = "# comment\n\n  A=1 \r\nB=\"x y\"\n\tENV_TEST_SET\nA=2\nLAST=no "
				   "newline";
	char path[] = "/tmp/env-test.XXXXXX", want[200];
	AUTO(auto_strv) char **list = NULL;
	AUTO_FD int fd = mkstemp(path);
	struct err err = {0};

	TEST("a file: comments and blank lines are skipped, lines trimmed, nothing unquoted");
	CHECK(fd_write_all(fd, text, sizeof(text) - 1, "file", &err) == 0);
	CHECK(env_add_file(&list, path, &err) == 0);
	CHECK(strv_count(list) == 5);
	CHECK_STR(list[0], "A=1");
	CHECK_STR(list[1], "B=\"x y\"");
	CHECK_STR(list[2], "ENV_TEST_SET=from host");
	CHECK_STR(list[4], "LAST=no newline");

	TEST("a wrong line is named by file and number");
	CHECK(fd_write_file(AT_FDCWD, path, "A=1\n\n=x\n", 8, 0600, &err) == 0);
	CHECK(env_add_file(&list, path, &err) < 0);
	snprintf(want, sizeof(want),
		 "parse env file line %s:3: environment variable name cannot be empty", path);
	CHECK_STR(err.msg, want);
	CHECK(fd_write_file(AT_FDCWD, path, "A=\0", 4, 0600, &err) == 0);
	CHECK(env_add_file(&list, path, &err) < 0 &&
	      strstr(err.msg, ":1: the line contains a NUL"));

	TEST("a file that cannot be read is named with the reason");
	unlink(path);
	CHECK(env_add_file(&list, "/nonexistent/x", &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK_STR(err.msg, "read env file: open /nonexistent/x: no such file or directory");
	CHECK(env_add_file(&list, "/", &err) < 0);
	CHECK_STR(err.msg, "read env file: read /: is a directory");

	TEST("an endless file meets a limit");
	CHECK(env_add_file(&list, "/dev/zero", &err) < 0 && err.code == ERR_LIMIT);
	CHECK_STR(err.msg, "read env file: /dev/zero is larger than 4194304 bytes");
}

static void test_limits(void)
{
	char *entry = xcalloc(LIMIT_ENV_ENTRY + 2, 1);
	AUTO(auto_strv) char **list = NULL, **env = NULL;
	struct err err = {0};

	TEST("one entry, their number and their sum are limited");
	memset(entry, 'x', LIMIT_ENV_ENTRY);
	entry[1] = '=';
	CHECK(env_add(&list, entry, &err) == 0);
	for (int i = 0; i < 7; i++) {
		entry[0]++;
		CHECK(env_add(&list, entry, &err) == 0);
	}
	CHECK(env_compose(NULL, list, &env, &err) == 0);
	CHECK(env_add(&list, "more=", &err) == 0);
	strv_free(STEAL(env));
	CHECK(env_compose(NULL, list, &env, &err) < 0 && err.code == ERR_LIMIT && !env);
	CHECK(strstr(err.msg, "the environment is 1048582 bytes large, the limit is 1048576"));
	entry[LIMIT_ENV_ENTRY] = 'x';
	CHECK(env_add(&list, entry, &err) < 0 && err.code == ERR_LIMIT);
	CHECK(strstr(err.msg, "is 131072 bytes long with its value, the limit is 131071 bytes"));
	while (strv_count(list) < LIMIT_ENV_COUNT)
		strv_add(&list, "a=");
	CHECK(env_add(&list, "a=", &err) < 0 && err.code == ERR_LIMIT);
	free(entry);
}

static void test_compose(void)
{
	static char *const image[] = {(char *)"PATH=/bin", (char *)"dropped", (char *)"A=image",
				      NULL};
	static char *const own[] = {(char *)"A=1", (char *)"B=2", (char *)"A=", NULL};
	AUTO(auto_strv) char **env = NULL;
	struct err err = {0};

	TEST("own entries replace the image's, the last one wins");
	CHECK(env_compose(image, own, &env, &err) == 0 && strv_count(env) == 3);
	CHECK_STR(strv_getenv(env, "PATH"), "/bin");
	CHECK_STR(strv_getenv(env, "A"), "");
	CHECK_STR(strv_getenv(env, "B"), "2");
}

int main(void)
{
	test_entries();
	test_files();
	test_limits();
	test_compose();
	return tap_done();
}
