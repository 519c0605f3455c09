// SPDX-License-Identifier: MIT
/*
 * The flag parser: see parse.h.  Words are taken from left to right; a flag may stand behind
 * operands, up to the first `--`.  A value may follow in the next word whatever it looks like, as
 * long as the flag is no switch.  The first wrong word ends it; fields set so far stay set, since
 * the caller releases them anyway.
 */
#include "cli/parse.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUILTIN_HELP                                                                          \
	{                                                                                     \
		.name = "help", .letter = 'h', .help = "print this help and do nothing else", \
		.type = &cli_bool, .offset = offsetof(struct cli_parse, help),                \
	}

static const struct cli_option builtin_options[] = {BUILTIN_HELP, {0}};
static const struct cli_option root_options[] = {
	BUILTIN_HELP,
	{
		.name = "version",
		.letter = 'v',
		.help = "print the version",
		.type = &cli_bool,
		.offset = offsetof(struct cli_parse, version),
	},
	{0},
};

const struct cli_option *cli_builtin_options(bool is_root)
{
	return is_root ? root_options : builtin_options;
}

static const struct cli_option *find_in(const struct cli_option *options, const char *name,
					size_t len)
{
	for (; options && options->name; options++) {
		if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
			return options;
	}
	return NULL;
}

const struct cli_option *cli_option_find(const struct cli_command *command, bool is_root,
					 const char *name, size_t len)
{
	const struct cli_option *option = find_in(command->options, name, len);

	return option ? option : find_in(cli_builtin_options(is_root), name, len);
}

static const struct cli_option *find_letter_in(const struct cli_option *options, char letter)
{
	for (; options && options->name; options++) {
		if (options->letter == letter)
			return options;
	}
	return NULL;
}

const struct cli_option *cli_option_letter(const struct cli_command *command, bool is_root,
					   char letter)
{
	const struct cli_option *option = find_letter_in(command->options, letter);

	return option ? option : find_letter_in(cli_builtin_options(is_root), letter);
}

static int check_choice(const struct cli_option *option, const char *text, struct err *err)
{
	char list[200] = "";
	size_t len = 0;

	for (size_t i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) == 0)
			return 0;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					option->choices[i]);
		assert(len < sizeof(list));
	}
	return err_set(err, ERR_INVALID, "must be one of %s", list);
}

int cli_parse_value(const struct cli_option *option, void *fields, const char *text,
		    struct err *err)
{
	struct err why;

	if (option->choices && check_choice(option, text, err) < 0)
		return -1;
	if (option->type->parse((char *)fields + option->offset, text, &why) < 0)
		return err_set(err, why.code, "%.350s (expected %s)", why.msg,
			       option->type->expected);
	if (option->given)
		*(bool *)((char *)fields + option->given) = true;
	return 0;
}

/* From the command line: the first value of a list replaces the default. */
static int set_value(struct cli_parse *parse, const struct cli_option *option, const char *text,
		     struct err *err)
{
	const struct cli_option *own = parse->command->options;
	bool builtin = !own || !find_in(own, option->name, strlen(option->name));
	void *fields = builtin ? (void *)parse : parse->fields;
	uint64_t bit = builtin ? 0 : UINT64_C(1) << (option - own);
	struct err why;

	if (option->type->is_list && !(parse->given & bit)) {
		char ***list = (char ***)(void *)((char *)fields + option->offset);

		strv_free(*list);
		*list = NULL;
	}
	parse->given |= bit;
	if (cli_parse_value(option, fields, text, &why) < 0) {
		AUTO_FREE char *value = text_quoted(text);
		char letter[] = {'-', option->letter, ',', ' ', '\0'};

		return err_set(err, ERR_INVALID, "invalid argument %s for \"%s--%s\" flag: %.300s",
			       value, option->letter ? letter : "", option->name, why.msg);
	}
	if (option->secret) /* `text` is a word of argv, which other users see */
		memset((char *)text, '*', strlen(text));
	return 0;
}

/* Where help is: what a message about a flag ends with. */
static const char *flag_remedy(const struct cli_parse *parse)
{
	const char *operands = parse->command->operands;

	return operands && strstr(operands, "-- ")
		       ? "see --help; flags of the guest command go after \"--\""
		       : "see --help";
}

/* `--name`, `--name=value` or `--name value`; `*at` is left on the last word taken. */
static int parse_long(struct cli_parse *parse, char *const **at, struct err *err)
{
	const char *name = **at + 2;
	size_t len = strcspn(name, "=");
	const struct cli_option *option;
	AUTO_FREE char *shown = text_quoted(**at);

	if (len == 0 || *name == '-')
		return err_set(err, ERR_INVALID, "bad flag syntax: %.*s (%s)",
			       (int)strlen(shown) - 2, shown + 1, flag_remedy(parse));
	option = cli_option_find(parse->command, parse->is_root, name, len);
	if (!option)
		return err_set(err, ERR_INVALID, "unknown flag: --%.*s (%s)",
			       (int)MIN(len, (size_t)200), name, flag_remedy(parse));
	if (name[len] == '=')
		return set_value(parse, option, name + len + 1, err);
	if (option->type->is_switch)
		return set_value(parse, option, "true", err);
	if (!(*at)[1])
		return err_set(err, ERR_INVALID, "flag needs an argument: --%s (%s)", option->name,
			       option->help);
	(*at)++;
	return set_value(parse, option, **at, err);
}

static void show_letter(char letter, char ret_text[8])
{
	if (isprint((unsigned char)letter))
		snprintf(ret_text, 8, "'%c'", letter);
	else
		snprintf(ret_text, 8, "'\\x%02x'", (unsigned char)letter);
}

/* A bundle of letters, the last of which may take the rest of the word or the next word. */
static int parse_letters(struct cli_parse *parse, char *const **at, struct err *err)
{
	char shown[8];

	for (const char *c = **at + 1; *c; c++) {
		const struct cli_option *option =
			cli_option_letter(parse->command, parse->is_root, *c);

		show_letter(*c, shown);
		if (!option)
			return err_set(err, ERR_INVALID,
				       "unknown shorthand flag: %s in -%.200s (%s)", shown, c,
				       flag_remedy(parse));
		if (c[1] == '=' && c[2])
			return set_value(parse, option, c + 2, err);
		if (option->type->is_switch) {
			if (set_value(parse, option, "true", err) < 0)
				return -1;
			continue;
		}
		if (c[1])
			return set_value(parse, option, c + 1, err);
		if (!(*at)[1])
			return err_set(err, ERR_INVALID, "flag needs an argument: %s in -%s (%s)",
				       shown, c, option->help);
		(*at)++;
		return set_value(parse, option, **at, err);
	}
	return 0;
}

static void add_word(struct cli_parse *parse, char *word)
{
	parse->words[parse->word_count++] = word;
	parse->words[parse->word_count] = NULL;
}

int cli_parse(struct cli_parse *parse, char *const *args, struct err *err)
{
	bool flags = true; /* until the first `--` */

	parse->words = xcalloc(strv_count(args) + 1, sizeof(char *));
	for (char *const *at = args; *at; at++) {
		if (!flags || (*at)[0] != '-' || !(*at)[1]) {
			add_word(parse, *at);
		} else if (strcmp(*at, "--") == 0) {
			flags = false;
		} else if ((*at)[1] == '-') {
			if (parse_long(parse, &at, err) < 0)
				return -1;
		} else if (parse_letters(parse, &at, err) < 0) {
			return -1;
		}
	}
	return 0;
}

void cli_parse_done(struct cli_parse *parse)
{
	free(parse->words);
	parse->words = NULL;
	parse->word_count = 0;
}
