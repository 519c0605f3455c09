// SPDX-License-Identifier: MIT
/*
 * From argv to an exit status: see cli.h.  The command is found, its flags are parsed, then --help
 * and --version win over everything, then the number of operands, the environment's defaults and
 * required flags are checked, and the command runs.  Whatever fails ends as one line on stderr and
 * status 1.
 */
#include "cli/cli.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/strv.h"
#include "base/text.h"
#include "cli/defaults.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/suggest.h"
#include "cli/version.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 200, OUTPUT_BYTES = 64 * 1024 };

const struct cli_command *cli_command(const struct cli *cli)
{
	return cli->path[cli->depth - 1];
}

char *cli_path(const struct cli *cli)
{
	struct buf path AUTO_BUF = BUF_INIT(PATH_BYTES);

	for (size_t i = 0; i < cli->depth; i++)
		buf_printf(&path, "%s%s", i ? " " : "", cli->path[i]->name);
	return buf_steal(&path, NULL);
}

static bool is_named(const struct cli_command *command, const char *word)
{
	if (strcmp(command->name, word) == 0)
		return true;
	for (size_t i = 0; i < CLI_ALIASES && command->aliases[i]; i++) {
		if (strcmp(command->aliases[i], word) == 0)
			return true;
	}
	return false;
}

static const struct cli_command *find_child(const struct cli_command *group, const char *word)
{
	for (const struct cli_command *child = group->children; child->name; child++) {
		if (is_named(child, word))
			return child;
	}
	return NULL;
}

/* True if `word` is a flag whose value is the next word, as far as the group can know: flags of its
 * commands may stand before their names. */
static bool takes_next(const struct cli_command *group, bool is_root, const char *word)
{
	const struct cli_option *option;

	if (strchr(word, '='))
		return false;
	if (word[1] == '-')
		option = cli_option_find(group, is_root, word + 2, strlen(word + 2));
	else if (!word[2])
		option = cli_option_letter(group, is_root, word[1]);
	else
		return false;
	return !option || !option->type->is_switch;
}

/* The first of `args` that is no flag, or NULL. */
static char **first_word(const struct cli *cli, char **args)
{
	for (; *args && strcmp(*args, "--") != 0; args++) {
		if ((*args)[0] != '-' || !(*args)[1])
			return args;
		if (takes_next(cli_command(cli), cli->depth == 1, *args) && !*++args)
			return NULL;
	}
	return NULL;
}

const char *cli_find(struct cli *cli, char **args)
{
	while (cli_command(cli)->children) {
		char **word = first_word(cli, args);
		const struct cli_command *child = word ? find_child(cli_command(cli), *word) : NULL;

		if (!child)
			return word ? *word : NULL;
		assert(cli->depth < CLI_DEPTH);
		cli->path[cli->depth++] = child;
		for (; *word; word++)
			word[0] = word[1];
	}
	return NULL;
}

static int unknown_command(struct cli *cli, const char *word, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(word), *path = cli_path(cli);

	if (cli_command(cli)->children)
		cli->hint = cli_suggest(cli_command(cli), word);
	return err_set(err, ERR_INVALID, "unknown command %s for \"%s\"%s", shown, path,
		       cli->hint ? "" : " (see --help)");
}

static int check_word_count(struct cli *cli, const struct cli_parse *parse, struct err *err)
{
	const struct cli_command *command = parse->command;
	const char *operands = command->operands;
	AUTO_FREE char *path = cli_path(cli);
	int count = parse->word_count, min = command->min_args, max = command->max_args;

	if (count >= min && (max == CLI_ANY || count <= max))
		return 0;
	if (max == 0)
		return unknown_command(cli, parse->words[0], err);
	if (min == max)
		return err_set(err, ERR_INVALID, "accepts %d arg(s), received %d (usage: %s %s)",
			       max, count, path, operands);
	if (min == 0)
		return err_set(err, ERR_INVALID,
			       "accepts at most %d arg(s), received %d (usage: %s %s)", max, count,
			       path, operands);
	return err_set(err, ERR_INVALID,
		       "requires at least %d arg(s), only received %d (usage: %s %s)", min, count,
		       path, operands);
}

static int print_help(const struct cli *cli, struct err *err)
{
	struct buf text AUTO_BUF = BUF_INIT(OUTPUT_BYTES);

	cli_help(cli, &text);
	if (buf_check(&text, "help", err) < 0)
		return -1;
	fputs(text.ptr, stdout);
	return 0;
}

static int run_parsed(struct cli *cli, const struct cli_parse *parse, struct err *err)
{
	const struct cli_command *command = parse->command;

	if (parse->help || (!command->run && !parse->version))
		return print_help(cli, err);
	if (parse->version) {
		version_print_short();
		return 0;
	}
	if (check_word_count(cli, parse, err) < 0 || cli_defaults(cli, parse, err) < 0)
		return -1;
	return command->run(cli, parse->word_count, parse->words, err);
}

static int run_command(struct cli *cli, char **args, struct err *err)
{
	const struct cli_command *command = cli_command(cli);
	AUTO(cli_parse_done)
	struct cli_parse parse = {
		.command = command,
		.is_root = cli->depth == 1,
	};
	int result;

	if (command->raw)
		return command->run(cli, (int)strv_count(args), args, err);
	parse.fields = xcalloc(1, command->options_size);
	if (command->options_init)
		command->options_init(parse.fields);
	cli->options = parse.fields;
	result = cli_parse(&parse, args, err);
	if (result == 0)
		result = run_parsed(cli, &parse, err);
	cli->options = NULL;
	if (command->options_done)
		command->options_done(parse.fields);
	free(parse.fields);
	return result;
}

/* Everything that we keep, show and send is text; the guest gets it as JSON. */
static int check_utf8(char *const *args, struct err *err)
{
	for (size_t i = 0; args[i]; i++) {
		AUTO_FREE char *shown = NULL;

		if (text_is_utf8(args[i]))
			continue;
		shown = text_quoted(args[i]);
		return err_set(err, ERR_INVALID,
			       "argument %zu (%s) is not valid UTF-8: pass such bytes on standard "
			       "input instead",
			       i + 1, shown);
	}
	return 0;
}

static int run_args(struct cli *cli, char **args, struct err *err)
{
	const char *unknown;

	if (check_utf8(args, err) < 0)
		return -1;
	unknown = cli_find(cli, args);
	if (unknown && cli->depth == 1)
		return unknown_command(cli, unknown, err);
	return run_command(cli, args, err);
}

/* What was printed must have arrived. */
static void flush_output(struct cli *cli)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	if (errno != EPIPE) /* a reader that has gone needs no message */
		fprintf(stderr, "write standard output: %s\n", strerror(errno));
	cli->exit_code = 1;
}

int cli_main(const struct cli_command *root, int argc, char **argv)
{
	struct cli cli = {.path = {root}, .depth = 1};
	AUTO_FREE char **args = xcalloc((size_t)MAX(argc, 1), sizeof(char *));
	struct err err = {0};

	for (int i = 1; i < argc; i++)
		args[i - 1] = argv[i];
	if (run_args(&cli, args, &err) < 0) {
		fprintf(stderr, "%s\n%s", err.msg, cli.hint ? cli.hint : "");
		cli.exit_code = 1;
	}
	flush_output(&cli);
	free(cli.hint);
	return cli.exit_code;
}
