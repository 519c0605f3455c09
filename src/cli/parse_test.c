// SPDX-License-Identifier: MIT
#include "cli/parse.h"

#include "base/auto.h"
#include "base/strv.h"
#include "base/tap.h"
#include "cli/defaults.h"

#include <stdlib.h>

enum { WORDS_MAX = 16 };

struct fields {
	char *image, *entrypoint, *accel;
	bool entrypoint_set, interactive, tty, rm, detach;
	int64_t memory, grace;
	double cpus;
	char **hosts, **env;
};

static const char *const accels[] = {"auto", "kvm", NULL};
static const struct cli_option options[] = {
	{.name = "image",
	 .metavar = "ref",
	 .help = "the image",
	 .type = &cli_string,
	 .offset = offsetof(struct fields, image),
	 .required = true},
	{.name = "entrypoint",
	 .metavar = "word",
	 .help = "the entrypoint",
	 .type = &cli_string,
	 .offset = offsetof(struct fields, entrypoint),
	 .given = offsetof(struct fields, entrypoint_set)},
	{.name = "interactive",
	 .letter = 'i',
	 .type = &cli_bool,
	 .offset = offsetof(struct fields, interactive)},
	{.name = "tty", .letter = 't', .type = &cli_bool, .offset = offsetof(struct fields, tty)},
	{.name = "rm", .type = &cli_bool, .offset = offsetof(struct fields, rm)},
	{.name = "detach",
	 .letter = 'd',
	 .type = &cli_bool,
	 .offset = offsetof(struct fields, detach)},
	{.name = "memory",
	 .letter = 'm',
	 .metavar = "MiB",
	 .help = "the memory",
	 .type = &cli_int,
	 .offset = offsetof(struct fields, memory)},
	{.name = "disk-grace",
	 .metavar = "duration",
	 .type = &cli_duration,
	 .offset = offsetof(struct fields, grace)},
	{.name = "cpus",
	 .metavar = "n",
	 .type = &cli_float,
	 .offset = offsetof(struct fields, cpus)},
	{.name = "host",
	 .metavar = "h",
	 .type = &cli_list,
	 .offset = offsetof(struct fields, hosts)},
	{.name = "env",
	 .letter = 'e',
	 .metavar = "KEY",
	 .type = &cli_array,
	 .offset = offsetof(struct fields, env)},
	{.name = "accel",
	 .metavar = "a",
	 .type = &cli_string,
	 .offset = offsetof(struct fields, accel),
	 .variable = "PARSE_TEST_ACCEL",
	 .choices = accels},
	{0},
};
static const struct cli_command run_command = {
	.name = "run", .operands = "-- <command>", .options = options};
static const struct cli_command root = {.name = "matchlock"};

static struct fields fields;
static struct cli_parse parse = {.command = &run_command, .fields = &fields};
static struct err err;

static void reset(void)
{
	cli_parse_done(&parse);
	free(fields.image);
	free(fields.entrypoint);
	free(fields.accel);
	strv_free(fields.hosts);
	strv_free(fields.env);
	fields = (struct fields){.memory = 512, .rm = true};
	parse = (struct cli_parse){.command = &run_command, .fields = &fields};
}

/* Parses the words of `line`, which are separated by single spaces. */
static int parse_line(const char *line)
{
	static char text[512];
	char *args[WORDS_MAX + 1] = {NULL}, *at = text;

	reset();
	snprintf(text, sizeof(text), "%s", line);
	for (size_t i = 0; i < WORDS_MAX && at; i++)
		args[i] = strsep(&at, " ");
	return cli_parse(&parse, args, &err);
}

static void check_error(const char *line, const char *want)
{
	CHECK(parse_line(line) < 0);
	CHECK_STR(err.msg, want);
}

/* The operands, joined by "|". */
static const char *words(void)
{
	static char text[512];

	text[0] = '\0';
	for (int i = 0; i < parse.word_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "|" : "",
			 parse.words[i]);
	return text;
}

static void test_forms(void)
{
	TEST("long flags take their value behind = or in the next word");
	CHECK(parse_line("--image a --memory=0x10 --cpus 0.5 --disk-grace 1m30s x") == 0);
	CHECK_STR(fields.image, "a");
	CHECK(fields.memory == 16 && fields.cpus == 0.5 && fields.grace == 90000000000);
	CHECK_STR(words(), "x");
	CHECK(parse_line("--image --memory") == 0);
	CHECK_STR(fields.image, "--memory");
	CHECK(parse_line("--image= --entrypoint=") == 0 && fields.entrypoint_set);
	CHECK_STR(fields.image, "");

	TEST("letters take it in every place, and stand in bundles");
	CHECK(parse_line("-m 1 -e a=1 -eb=2 -e=c=3 -m=2") == 0 && fields.memory == 2);
	CHECK(strv_count(fields.env) == 3);
	CHECK_STR(fields.env[1], "b=2");
	CHECK_STR(fields.env[2], "c=3");
	CHECK(parse_line("-ditm7 x") == 0 && fields.detach && fields.interactive && fields.tty);
	CHECK(fields.memory == 7);
	CHECK(parse_line("-itm 8") == 0 && fields.memory == 8);
	CHECK(parse_line("-e=") == 0);
	CHECK_STR(fields.env[0], "=");

	TEST("switches take a value only behind =");
	CHECK(parse_line("--rm false") == 0 && fields.rm);
	CHECK_STR(words(), "false");
	CHECK(parse_line("--rm=F -t=true -i=0") == 0);
	CHECK(!fields.rm && fields.tty && !fields.interactive);

	TEST("flags may stand behind operands, up to the first --");
	CHECK(parse_line("a --image x b - -- c -- --rm=false") == 0 && fields.rm);
	CHECK_STR(words(), "a|b|-|c|--|--rm=false");

	TEST("scalars: the last wins; lists accumulate, and replace their default");
	CHECK(parse_line("--memory 1 --memory 2") == 0 && fields.memory == 2);
	reset();
	strv_add(&fields.hosts, "default");
	CHECK(cli_parse(&parse, (char *[]){(char *)"--host=a,\"b,c\"", (char *)"--host=d", NULL},
			&err) == 0);
	CHECK(strv_count(fields.hosts) == 3);
	CHECK_STR(fields.hosts[1], "b,c");
	CHECK(parse_line("--env=a,b --host=") == 0 && strv_count(fields.env) == 1);
	CHECK(strv_count(fields.hosts) == 0);

	TEST("--help and its letter are known everywhere");
	CHECK(parse_line("x -h") == 0 && parse.help);
	CHECK(parse_line("--help=false") == 0 && !parse.help);
	CHECK(parse_line("-- --help") == 0 && !parse.help);
}

static void test_errors(void)
{
	static const char remedy[] = "see --help; flags of the guest command go after \"--\")";
	char want[256];

	TEST("unknown flags and missing values");
	snprintf(want, sizeof(want), "unknown flag: --bogus (%s", remedy);
	check_error("--bogus", want);
	check_error("--bogus=1", want);
	snprintf(want, sizeof(want), "unknown flag: --mem (%s", remedy);
	check_error("--mem 1", want); /* no abbreviations */
	snprintf(want, sizeof(want), "unknown shorthand flag: 'l' in -la (%s", remedy);
	check_error("ls -la", want);
	snprintf(want, sizeof(want), "unknown shorthand flag: 'x' in -x (%s", remedy);
	check_error("-ix", want);
	snprintf(want, sizeof(want), "unknown shorthand flag: '\\xc3' in -\u00e9 (%s", remedy);
	check_error("-\u00e9", want);
	snprintf(want, sizeof(want), "unknown flag: --version (%s", remedy);
	check_error("--version", want); /* of the root only */
	snprintf(want, sizeof(want), "bad flag syntax: --=x (%s", remedy);
	check_error("--=x", want);
	check_error("--image", "flag needs an argument: --image (the image)");
	check_error("-im", "flag needs an argument: 'm' in -m (the memory)");

	TEST("wrong values are named with their flag and the reason");
	check_error("--memory abc",
		    "invalid argument \"abc\" for \"-m, --memory\" flag: strconv.ParseInt: parsing "
		    "\"abc\": invalid syntax (expected a whole number such as 512)");
	check_error("--rm=maybe",
		    "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: "
		    "parsing \"maybe\": invalid syntax (expected true or false)");
	check_error("--disk-grace 5",
		    "invalid argument \"5\" for \"--disk-grace\" flag: time: missing unit in "
		    "duration \"5\" (expected a duration such as 5s or 1m30s)");
	check_error(
		"--cpus x",
		"invalid argument \"x\" for \"--cpus\" flag: strconv.ParseFloat: parsing \"x\": "
		"invalid syntax (expected a number such as 0.5)");
	check_error(
		"--host a\"b",
		"invalid argument \"a\\\"b\" for \"--host\" flag: parse error on line 1, column "
		"2: bare \" in non-quoted field (expected a comma-separated list)");
	check_error("--accel xen", "invalid argument \"xen\" for \"--accel\" flag: must be one of "
				   "auto, kvm");
}

/* Defaults with the arguments of `line`. */
static int defaults(const char *line)
{
	const struct cli cli = {.path = {&root, &run_command}, .depth = 2};

	return parse_line(line) < 0 ? -1 : cli_defaults(&cli, &parse, &err);
}

static void test_defaults(void)
{
	TEST("a required flag may come from the environment");
	CHECK(defaults("") < 0);
	CHECK_STR(err.msg, "required flag(s) \"image\" not set (give --image ref, or set "
			   "MATCHLOCK_RUN_IMAGE)");
	CHECK(defaults("--image=") == 0);
	setenv("MATCHLOCK_RUN_IMAGE", "", 1);
	CHECK(defaults("") < 0);
	setenv("MATCHLOCK_RUN_IMAGE", "from-env", 1);
	CHECK(defaults("") == 0);
	CHECK_STR(fields.image, "from-env");

	TEST("the command line wins, and its variable is not looked at");
	setenv("MATCHLOCK_RUN_MEMORY", "x", 1);
	CHECK(defaults("--image a --memory 9") == 0 && fields.memory == 9);
	CHECK_STR(fields.image, "a");

	TEST("a wrong value names its variable");
	CHECK(defaults("") < 0);
	CHECK_STR(err.msg,
		  "invalid value \"x\" of MATCHLOCK_RUN_MEMORY in the environment for \"--memory\" "
		  "flag: strconv.ParseInt: parsing \"x\": invalid syntax (expected a whole number "
		  "such as 512)");
	setenv("MATCHLOCK_RUN_MEMORY", "\xff", 1);
	CHECK(defaults("") < 0);
	CHECK_STR(err.msg, "MATCHLOCK_RUN_MEMORY=\"\\xff\" in the environment is not valid UTF-8");
	unsetenv("MATCHLOCK_RUN_MEMORY");

	TEST("every kind of flag, dashes being underscores");
	setenv("MATCHLOCK_RUN_DISK_GRACE", "2s", 1);
	setenv("MATCHLOCK_RUN_RM", "false", 1);
	setenv("MATCHLOCK_RUN_HOST", "a,b", 1);
	setenv("MATCHLOCK_RUN_ENV", "A=1,2", 1);
	setenv("MATCHLOCK_RUN_ENTRYPOINT", "/bin/x", 1);
	setenv("MATCHLOCK_RUN_HELP", "true", 1);
	CHECK(defaults("") == 0 && fields.grace == 2000000000 && !fields.rm && !parse.help);
	CHECK(strv_count(fields.hosts) == 2 && strv_count(fields.env) == 1);
	CHECK(fields.entrypoint_set);
	CHECK(defaults("--host=c") == 0 && strv_count(fields.hosts) == 1);

	TEST("an extra variable counts less than the flag's own");
	setenv("PARSE_TEST_ACCEL", "kvm", 1);
	CHECK(defaults("") == 0);
	CHECK_STR(fields.accel, "kvm");
	setenv("MATCHLOCK_RUN_ACCEL", "auto", 1);
	CHECK(defaults("") == 0);
	CHECK_STR(fields.accel, "auto");
	unsetenv("MATCHLOCK_RUN_ACCEL");
	setenv("PARSE_TEST_ACCEL", "xen", 1);
	CHECK(defaults("") < 0);
	CHECK_STR(err.msg, "invalid value \"xen\" of PARSE_TEST_ACCEL in the environment for "
			   "\"--accel\" flag: must be one of auto, kvm");
}

int main(void)
{
	test_forms();
	test_errors();
	test_defaults();
	reset();
	return tap_done();
}
