// SPDX-License-Identifier: MIT
/*
 * Manual pages: see man.h.  One function a section, in the order of man-pages(7); texts of the
 * tables go through put_text(), because scdoc gives some characters a meaning.
 */
#include "cli/man.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/strv.h"
#include "cli/cli.h"
#include "cli/defaults.h"
#include "cli/help.h"
#include "cli/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 256 * 1024 };

/* Appends text that stands for itself; a newline stays one. */
static void put_text(struct buf *buf, const char *text)
{
	for (size_t i = 0; text[i]; i++) {
		bool starts_line = i == 0 || text[i - 1] == '\n';

		if (strchr("\\*_`", text[i]) || (starts_line && strchr("#;-[]|", text[i])))
			buf_putc(buf, '\\');
		if (text[i] == '\n' && text[i + 1] != '\n' && !starts_line)
			buf_puts(buf, "++");
		buf_putc(buf, text[i]);
	}
}

/* The name of the page: "matchlock-image-ls".  Malloc'ed. */
static char *page_name(const struct cli *topic)
{
	char *name = cli_path(topic);

	for (char *c = name; *c; c++) {
		if (*c == ' ')
			*c = '-';
	}
	return name;
}

static void put_head(struct buf *buf, const struct cli *topic)
{
	const struct cli_command *command = cli_command(topic);
	AUTO_FREE char *name = page_name(topic), *path = cli_path(topic);

	buf_printf(buf, "%s(1) \"Matchlock %s\" \"Matchlock\"\n\n# NAME\n\n%s - ", name,
		   MATCHLOCK_VERSION, name);
	put_text(buf, command->summary);
	buf_puts(buf, "\n\n# SYNOPSIS\n\n");
	if (command->run) {
		buf_printf(buf, "*%s*%s%s", path, command->options ? " [flags]" : "",
			   command->operands ? " " : "");
		put_text(buf, command->operands ? command->operands : "");
		buf_puts(buf, command->children ? "++\n" : "\n");
	}
	if (command->children)
		buf_printf(buf, "*%s* [command]\n", path);
	buf_puts(buf, "\n# DESCRIPTION\n\n");
	if (command->text) {
		put_text(buf, command->text);
		buf_putc(buf, '\n');
	} else {
		buf_putc(buf, (char)toupper((unsigned char)command->summary[0]));
		put_text(buf, command->summary + 1);
		buf_puts(buf, ".\n");
	}
	if (command->aliases[0])
		buf_puts(buf, "\nAlso called");
	for (size_t i = 0; i < CLI_ALIASES && command->aliases[i]; i++)
		buf_printf(buf, "%s *%s*", i ? "," : "", command->aliases[i]);
	buf_puts(buf, command->aliases[0] ? ".\n" : "");
}

static void put_commands(struct buf *buf, const struct cli *topic)
{
	const struct cli_command *child = cli_command(topic)->children;
	AUTO_FREE char *name = page_name(topic);

	if (!child)
		return;
	buf_puts(buf, "\n# COMMANDS\n");
	for (; child->name; child++) {
		if (child->hidden)
			continue;
		buf_printf(buf, "\n*%s-%s*(1)\n\t", name, child->name);
		put_text(buf, child->summary);
		buf_putc(buf, '\n');
	}
}

static void put_options(struct buf *buf, const struct cli_option *options, const void *defaults)
{
	for (; options && options->name; options++) {
		char letter[] = {'*', '-', options->letter, '*', ',', ' ', '\0'};
		AUTO_FREE char *text = cli_option_text(options, defaults);

		buf_printf(buf, "\n%s*--%s*", options->letter ? letter : "", options->name);
		if (options->metavar) {
			buf_puts(buf, " _");
			put_text(buf, options->metavar);
			buf_putc(buf, '_');
		}
		buf_puts(buf, "\n\t");
		put_text(buf, text);
		buf_putc(buf, '\n');
	}
}

static void put_flags(struct buf *buf, const struct cli *topic)
{
	const struct cli_command *command = cli_command(topic);
	AUTO_FREE void *defaults = xcalloc(1, command->options_size);

	if (command->options_init)
		command->options_init(defaults);
	buf_puts(buf, "\n# OPTIONS\n");
	put_options(buf, command->options, defaults);
	put_options(buf, cli_builtin_options(topic->depth == 1), NULL);
	if (command->options_done)
		command->options_done(defaults);
}

static void put_environment(struct buf *buf, const struct cli *topic)
{
	const struct cli_option *options = cli_command(topic)->options;
	AUTO_FREE char *variable = options ? cli_variable_name(topic, options) : NULL;

	if (!options)
		return;
	buf_puts(buf, "\n# ENVIRONMENT\n\nEach flag has a variable that sets its default, ");
	buf_puts(buf, "with \"\\_\" for \"-\" of its name:\n*");
	put_text(buf, variable);
	buf_printf(buf, "* is that of *--%s*.\n", options->name);
}

/* Lines as they are; the tables indent them by two. */
static void put_examples(struct buf *buf, const char *examples)
{
	if (!examples)
		return;
	buf_puts(buf, "\n# EXAMPLES\n\n```\n");
	while (*examples) {
		size_t len = strcspn(examples, "\n");
		size_t indent = strspn(examples, " ");

		indent = MIN(indent, 2);
		buf_put(buf, examples + indent, len - indent);
		buf_putc(buf, '\n');
		examples += len + (examples[len] == '\n');
	}
	buf_puts(buf, "```\n");
}

/* The pages of the commands above it. */
static void put_see_also(struct buf *buf, const struct cli *topic)
{
	struct cli above = *topic;

	if (topic->depth == 1)
		return;
	buf_puts(buf, "\n# SEE ALSO\n\n");
	for (above.depth = 1; above.depth < topic->depth; above.depth++) {
		AUTO_FREE char *name = page_name(&above);

		buf_printf(buf, "%s*%s*(1)", above.depth > 1 ? ", " : "", name);
	}
	buf_putc(buf, '\n');
}

static int print_page(const struct cli *topic, struct err *err)
{
	struct buf page AUTO_BUF = BUF_INIT(PAGE_BYTES);

	put_head(&page, topic);
	put_commands(&page, topic);
	put_flags(&page, topic);
	put_environment(&page, topic);
	put_examples(&page, cli_command(topic)->examples);
	buf_putc(&page, '\n');
	if (fd_read_to_end(STDIN_FILENO, &page, "standard input", err) < 0)
		return -1;
	put_see_also(&page, topic);
	if (buf_check(&page, "manual page", err) < 0)
		return -1;
	fputs(page.ptr, stdout);
	return 0;
}

static void list(const struct cli *topic)
{
	const struct cli_command *child = cli_command(topic)->children;
	AUTO_FREE char *path = cli_path(topic);
	struct cli below = *topic;

	puts(path);
	below.depth++;
	for (; child && child->name; child++) {
		below.path[topic->depth] = child;
		if (!child->hidden)
			list(&below);
	}
}

int cmd_man(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct cli topic = {.path = {cli->path[0]}, .depth = 1};
	AUTO_FREE char **words = xcalloc((size_t)argc + 1, sizeof(char *));
	const char *unknown;

	if (argc == 1 && strcmp(argv[0], "--list") == 0) {
		list(&topic);
		return 0;
	}
	memcpy(words, argv, (size_t)argc * sizeof(char *));
	unknown = cli_find(&topic, words);
	if (unknown)
		return err_set(err, ERR_INVALID, "'%s' is no command (see matchlock help)",
			       unknown);
	return print_page(&topic, err);
}
