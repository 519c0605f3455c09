// SPDX-License-Identifier: MIT
/*
 * Candidates for the shell: see complete.h.  The words before the cursor are read as the parser
 * would, but nothing in them is an error: what cannot be understood offers nothing.
 */
#include "cli/complete.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CANDIDATES_BYTES = 256 * 1024 };

struct line {				 /* what the words before the cursor say */
	struct cli cli;			 /* the command they name */
	const struct cli_option *option; /* the flag whose value comes next, or NULL */
	bool operands_only;		 /* `--` was there */
	uint64_t given;
};

void cli_offer(struct cli_candidates *candidates, const char *value, const char *description)
{
	if (strncmp(value, candidates->prefix, strlen(candidates->prefix)) != 0)
		return;
	if (candidates->descriptions && description)
		buf_printf(&candidates->text, "%s\t%s\n", value, description);
	else
		buf_printf(&candidates->text, "%s\n", value);
}

void cli_offer_files(struct cli_candidates *candidates)
{
	candidates->directive = CLI_COMPLETE_FILES;
}

void cli_offer_variables(struct cli_candidates *candidates)
{
	for (char **entry = environ; *entry; entry++) {
		AUTO_FREE char *name = xstrndup(*entry, strcspn(*entry, "="));

		cli_offer(candidates, name, NULL);
	}
}

static const struct cli_option *long_option(const struct line *line, const char *name)
{
	return cli_option_find(cli_command(&line->cli), line->cli.depth == 1, name,
			       strcspn(name, "="));
}

static void note_given(struct line *line, const struct cli_option *option)
{
	const struct cli_option *own = cli_command(&line->cli)->options;

	for (size_t i = 0; own && own[i].name; i++) {
		if (&own[i] == option)
			line->given |= UINT64_C(1) << i;
	}
}

/* `-abc`: the last letter may want a value. */
static void read_letters(struct line *line, const char *letters)
{
	for (; *letters; letters++) {
		const struct cli_option *option =
			cli_option_letter(cli_command(&line->cli), line->cli.depth == 1, *letters);

		if (!option)
			return;
		note_given(line, option);
		if (option->type->is_switch)
			continue;
		line->option = letters[1] ? NULL : option;
		return;
	}
}

static void read_word(struct line *line, const char *word)
{
	const struct cli_option *option;

	if (line->option) {
		line->option = NULL; /* this was its value */
	} else if (line->operands_only || word[0] != '-') {
		return;
	} else if (strcmp(word, "--") == 0) {
		line->operands_only = true;
	} else if (word[1] == '-') {
		option = long_option(line, word + 2);
		if (!option)
			return;
		note_given(line, option);
		if (!option->type->is_switch && !strchr(word, '='))
			line->option = option;
	} else {
		read_letters(line, word + 1);
	}
}

static void offer_values(struct cli_candidates *candidates, const struct cli_option *option)
{
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		cli_offer(candidates, option->choices[i], NULL);
	if (option->complete)
		option->complete(candidates);
}

static void offer_options(struct cli_candidates *candidates, const struct cli_option *options,
			  uint64_t given)
{
	for (size_t i = 0; options && options[i].name; i++) {
		AUTO_FREE char *name = xasprintf("--%s", options[i].name);
		char letter[] = {'-', options[i].letter, '\0'};

		if ((given & (UINT64_C(1) << i)) && !options[i].type->is_list)
			continue;
		cli_offer(candidates, name, options[i].help);
		if (options[i].letter)
			cli_offer(candidates, letter, options[i].help);
	}
}

static void offer_commands(struct cli_candidates *candidates, const struct cli_command *group)
{
	for (const struct cli_command *child = group->children; child->name; child++) {
		if (!child->hidden)
			cli_offer(candidates, child->name, child->summary);
	}
}

static void offer(struct cli_candidates *candidates, const struct line *line)
{
	const struct cli_command *command = cli_command(&line->cli);
	const char *word = candidates->prefix, *equals = strchr(word, '=');
	const struct cli_option *option = line->option;

	if (!option && !line->operands_only && strncmp(word, "--", 2) == 0 && equals) {
		option = long_option(line, word + 2);
		candidates->prefix = equals + 1;
		if (!option)
			return;
	}
	if (option) {
		offer_values(candidates, option);
	} else if (!line->operands_only && word[0] == '-') {
		offer_options(candidates, command->options, line->given);
		offer_options(candidates, cli_builtin_options(line->cli.depth == 1), 0);
	} else if (command->children && !line->operands_only) {
		offer_commands(candidates, command);
	} else if (command->complete) {
		command->complete(candidates);
	}
}

/* `help` completes the words of other commands. */
static void find_topic(struct line *line, char **args)
{
	if (strcmp(cli_command(&line->cli)->name, "help") != 0 || line->cli.depth != 2)
		return;
	line->cli.depth = 1;
	cli_find(&line->cli, args);
}

static void complete(const struct cli *cli, int argc, char **argv, bool descriptions)
{
	AUTO_FREE char **args = xcalloc((size_t)argc + 1, sizeof(char *));
	struct line line = {.cli = {.path = {cli->path[0]}, .depth = 1}};
	struct cli_candidates candidates = {
		.prefix = argc > 0 ? argv[argc - 1] : "",
		.descriptions = descriptions,
		.directive = CLI_COMPLETE_NO_FILES,
		.text = BUF_INIT(CANDIDATES_BYTES),
	};
	const char *unknown;

	for (int i = 0; i + 1 < argc; i++)
		args[i] = argv[i];
	unknown = cli_find(&line.cli, args);
	find_topic(&line, args);
	for (char **word = args; *word; word++)
		read_word(&line, *word);
	if (!unknown)
		offer(&candidates, &line);
	printf("%s:%d\n", candidates.text.failed ? "" : candidates.text.ptr, candidates.directive);
	buf_done(&candidates.text);
}

int cmd_complete(struct cli *cli, int argc, char **argv, struct err *err ML_UNUSED)
{
	complete(cli, argc, argv, true);
	return 0;
}

int cmd_complete_plain(struct cli *cli, int argc, char **argv, struct err *err ML_UNUSED)
{
	complete(cli, argc, argv, false);
	return 0;
}
