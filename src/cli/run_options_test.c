// SPDX-License-Identifier: MIT
#include "cli/run_options.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

#include <stdlib.h>

static struct run_options run;
static struct err err;

static void reset(void)
{
	run_options_done(&run);
	run_options_init(&run);
}

/* Resolves with an image whose entrypoint and command are these words (NULL = none). */
static int resolve(char *const *words, const char *entrypoint, const char *cmd)
{
	AUTO(image_config_done)
	struct image_config image = {.user = xstrdup("image-user"),
				     .working_dir = xstrdup("/image")};

	if (entrypoint)
		strv_add(&image.entrypoint, entrypoint);
	if (cmd)
		strv_add(&image.cmd, cmd);
	strv_add(&image.env, "PATH=/image/bin");
	return run_options_resolve(&run, words, &image, &err);
}

static char *const none[] = {NULL};
static char *const two[] = {(char *)"ls", (char *)"a b", NULL};

static void test_command(void)
{
	TEST("entrypoint, then the operands or else the image's command");
	reset();
	CHECK(resolve(none, "/entry", "cmd") == 0);
	CHECK_STR(run.command, "/entry cmd");
	reset();
	CHECK(resolve(two, "/entry", "cmd") == 0);
	CHECK_STR(run.command, "/entry ls 'a b'");
	CHECK(strv_count(run.words) == 3);
	CHECK_STR(run.spec.image_config.user, "image-user");
	CHECK_STR(run.spec.image_config.working_dir, "/image");

	TEST("--entrypoint replaces the image's, an empty one clears it; the command stays");
	reset();
	free(run.entrypoint);
	run.entrypoint = xstrdup("/mine");
	run.entrypoint_set = true;
	CHECK(resolve(none, "/entry", "cmd") == 0);
	CHECK_STR(run.command, "/mine cmd");
	reset();
	run.entrypoint_set = true;
	CHECK(resolve(none, "/entry", "cmd") == 0);
	CHECK_STR(run.command, "cmd");

	TEST("no command at all is an error with --rm, and a shell with -it");
	reset();
	CHECK(resolve(none, NULL, NULL) < 0);
	CHECK_STR(err.msg, "command required (or use --rm=false to start without a command)");
	run.tty = true;
	CHECK(resolve(none, NULL, NULL) < 0);
	run.interactive = true;
	CHECK(resolve(none, NULL, NULL) == 0);
	CHECK_STR(run.command, "sh");
	reset();
	run.rm = false;
	CHECK(resolve(none, NULL, NULL) == 0);
	CHECK_STR(run.command, "");

	TEST("--detach keeps the sandbox unless --rm was given");
	reset();
	run.detach = true;
	CHECK(resolve(none, NULL, NULL) == 0 && !run.rm);
	reset();
	run.detach = run.rm_set = true;
	CHECK(resolve(none, NULL, NULL) < 0);
	CHECK(resolve(two, NULL, NULL) == 0 && run.rm);

	TEST("--user and --workdir replace the image's");
	reset();
	free(run.user);
	run.user = xstrdup("1000:1000");
	free(run.workdir);
	run.workdir = xstrdup("/srv");
	CHECK(resolve(two, NULL, NULL) == 0);
	CHECK_STR(run.spec.image_config.user, "1000:1000");
	CHECK_STR(run.spec.image_config.working_dir, "/srv");
}

static void test_environment(void)
{
	TEST("the image's variables, then the user's");
	reset();
	strv_add(&run.env, "A=1");
	strv_add(&run.env, "PATH=/mine");
	CHECK(resolve(two, NULL, NULL) == 0);
	CHECK(strv_count(run.environment) == 2 && strv_count(run.spec.env) == 2);
	CHECK_STR(strv_getenv(run.environment, "PATH"), "/mine");
	CHECK_STR(run.spec.image_config.env[0], "PATH=/image/bin");

	TEST("the errors' texts");
	reset();
	strv_add(&run.env, "=x");
	CHECK(resolve(two, NULL, NULL) < 0);
	CHECK_STR(err.msg,
		  "invalid environment variable: environment variable name cannot be empty");
	reset();
	strv_add(&run.env_file, "/nonexistent");
	CHECK(resolve(two, NULL, NULL) < 0);
	CHECK_STR(err.msg,
		  "invalid environment variable: read env file: open /nonexistent: no such "
		  "file or directory");

	TEST("host mappings are checked after the environment");
	reset();
	strv_add(&run.add_host, "db:10.0.0.1");
	CHECK(resolve(two, NULL, NULL) == 0);
	CHECK_STR(run.spec.add_hosts[0], "db:10.0.0.1");
	reset();
	strv_add(&run.add_host, "db");
	CHECK(resolve(two, NULL, NULL) < 0);
	CHECK_STR(err.msg, "invalid add-host mapping: invalid add-host format: \"db\" (expected "
			   "host:ip) in \"db\"");
}

static const char *check(void)
{
	return run_options_check(&run, 2, &err) < 0 ? err.msg : "ok";
}

static void test_checks(void)
{
	TEST("numbers: cpus first, then the limits of time");
	reset();
	CHECK_STR(check(), "ok");
	run.spec.cpus = 3;
	run.timeout_set = true;
	run.spec.timeout_s = 0;
	CHECK_STR(check(), "--cpus must be <= host cpus (2)");
	run.spec.cpus = 2;
	CHECK_STR(check(), "--timeout must be 1 to 31536000 (seconds), not 0");
	run.timeout_set = false;
	run.graceful_shutdown_ns = -1;
	CHECK_STR(check(), "--graceful-shutdown must be 0s to 24h");
}

static void test_limit(void)
{
	char *word = xcalloc(LIMIT_COMMAND + 2, 1);
	char *words[] = {word, NULL};

	TEST("a command that no kernel passes on is refused");
	reset();
	memset(word, 'x', LIMIT_COMMAND + 1);
	CHECK(resolve(words, NULL, NULL) < 0 && err.code == ERR_LIMIT);
	CHECK(strstr(err.msg, "the command is 131072 bytes long when quoted"));
	free(word);
}

int main(void)
{
	test_command();
	test_environment();
	test_checks();
	test_limit();
	run_options_done(&run);
	return tap_done();
}
