// SPDX-License-Identifier: MIT
/*
 * Help texts: see help.h.  The defaults shown are those of a freshly initialised options struct, so
 * that they cannot differ from what the command does.
 */
#include "cli/help.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, LABEL_MAX = 36, NAME_COLUMN = 14, HELP_BYTES = 64 * 1024 };

/* Appends `text`, breaking lines before column 80; all but the first are indented.  The cursor is
 * at `column`.  A paragraph ends with a newline. */
static void put_wrapped(struct buf *buf, const char *text, size_t column, size_t indent)
{
	bool first = true; /* word of the line */

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (!first && column + 1 + len > COLUMNS) {
			buf_printf(buf, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		if (!first) {
			buf_putc(buf, ' ');
			column++;
		}
		buf_put(buf, text, len);
		column += len;
		text += len;
		first = false;
		if (*text == '\n') {
			buf_printf(buf, "\n%*s", text[1] == '\n' ? 0 : (int)indent, "");
			column = indent;
			first = true;
		}
		text += *text != '\0';
	}
	buf_putc(buf, '\n');
}

/* "LABEL   text", the text starting at `column`. */
static void put_row(struct buf *buf, const char *label, size_t column, const char *text)
{
	buf_puts(buf, label);
	if (strlen(label) + 1 > column)
		buf_printf(buf, "\n%*s", (int)column, "");
	else
		buf_printf(buf, "%*s", (int)(column - strlen(label)), "");
	put_wrapped(buf, text, column, column);
}

static char *option_label(const struct cli_option *option)
{
	char letter[] = {'-', option->letter, ',', ' ', '\0'};

	return xasprintf("  %s--%s%s%s", option->letter ? letter : "    ", option->name,
			 option->metavar ? " " : "", option->metavar ? option->metavar : "");
}

static size_t label_column(const struct cli_option *options, size_t column)
{
	for (; options && options->name; options++) {
		AUTO_FREE char *label = option_label(options);

		if (strlen(label) + 2 > column && strlen(label) + 2 <= LABEL_MAX)
			column = strlen(label) + 2;
	}
	return column;
}

char *cli_option_text(const struct cli_option *option, const void *defaults)
{
	AUTO_FREE char *value = NULL;

	/* A flag that asks whether it was given has no default to show. */
	if (defaults && !option->given)
		value = option->type->format((const char *)defaults + option->offset);
	return value ? xasprintf("%s (default %s)", option->help, value) : xstrdup(option->help);
}

static void put_options(struct buf *buf, const struct cli_option *options, const void *defaults,
			size_t column)
{
	for (; options && options->name; options++) {
		AUTO_FREE char *label = option_label(options);
		AUTO_FREE char *text = cli_option_text(options, defaults);

		put_row(buf, label, column, text);
	}
}

static void put_flags(struct buf *buf, const struct cli *cli)
{
	const struct cli_command *command = cli_command(cli);
	const struct cli_option *builtin = cli_builtin_options(cli->depth == 1);
	size_t column = label_column(command->options, label_column(builtin, 0));
	AUTO_FREE void *defaults = xcalloc(1, command->options_size);

	if (command->options_init)
		command->options_init(defaults);
	buf_puts(buf, "\nFlags:\n");
	put_options(buf, command->options, defaults, column);
	put_options(buf, builtin, NULL, column);
	if (command->options_done)
		command->options_done(defaults);
}

static void put_commands(struct buf *buf, const struct cli_command *group)
{
	buf_puts(buf, "\nCommands:\n");
	for (const struct cli_command *child = group->children; child->name; child++) {
		AUTO_FREE char *label = xasprintf("  %s", child->name);

		if (!child->hidden)
			put_row(buf, label, NAME_COLUMN, child->summary);
	}
}

static void put_aliases(struct buf *buf, const struct cli_command *command)
{
	if (!command->aliases[0])
		return;
	buf_printf(buf, "\nAliases:\n  %s", command->name);
	for (size_t i = 0; i < CLI_ALIASES && command->aliases[i]; i++)
		buf_printf(buf, ", %s", command->aliases[i]);
	buf_putc(buf, '\n');
}

void cli_usage(const struct cli *cli, struct buf *buf)
{
	const struct cli_command *command = cli_command(cli);
	AUTO_FREE char *path = cli_path(cli);

	buf_puts(buf, "Usage:\n");
	if (command->run)
		buf_printf(buf, "  %s%s%s%s\n", path, command->options ? " [flags]" : "",
			   command->operands ? " " : "",
			   command->operands ? command->operands : "");
	if (command->children)
		buf_printf(buf, "  %s [command]\n", path);
	put_aliases(buf, command);
	if (command->examples)
		buf_printf(buf, "\nExamples:\n%s", command->examples);
	if (command->children)
		put_commands(buf, command);
	put_flags(buf, cli);
	if (command->children) {
		AUTO_FREE char *more = xasprintf(
			"\nUse \"%s [command] --help\" for more information about a command.",
			path);

		put_wrapped(buf, more, 0, 0);
	}
}

void cli_help(const struct cli *cli, struct buf *buf)
{
	const struct cli_command *command = cli_command(cli);

	put_wrapped(buf, command->text ? command->text : command->summary, 0, 0);
	buf_putc(buf, '\n');
	cli_usage(cli, buf);
}

int cmd_help(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	struct buf text AUTO_BUF = BUF_INIT(HELP_BYTES);
	struct cli topic = {.path = {cli->path[0]}, .depth = 1};
	AUTO_FREE char **words = xcalloc(strv_count(argv) + 1, sizeof(char *));
	const char *unknown;

	memcpy(words, argv, strv_count(argv) * sizeof(char *));
	unknown = cli_find(&topic, words);
	if (unknown) {
		buf_puts(&text, "Unknown help topic [");
		for (size_t i = 0; argv[i]; i++)
			buf_printf(&text, "%s`%s`", i ? " " : "", argv[i]);
		buf_puts(&text, "]\n");
		topic.depth = 1;
		cli_usage(&topic, &text);
	} else {
		cli_help(&topic, &text);
	}
	if (buf_check(&text, "help", err) < 0)
		return -1;
	fputs(text.ptr, unknown ? stderr : stdout);
	return 0;
}
