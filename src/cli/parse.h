// SPDX-License-Identifier: MIT
/* Flags: the words of one command's line into the fields of its options. */
#pragma once

#include "base/err.h"
#include "cli/cli.h"

#include <stdint.h>

struct cli_parse {
	const struct cli_command *command;
	bool is_root; /* knows --version */
	void *fields; /* the command's options struct, defaults set */

	uint64_t given; /* bit n: options[n] was on the command line */
	bool help, version;
	char **words; /* the operands, borrowed, NULL-ended; the list is owned */
	int word_count;
};

/* Every form of reference 1.1; the errors are its texts, with a remedy added in parentheses. */
int cli_parse(struct cli_parse *parse, char *const *args, struct err *err);
void cli_parse_done(struct cli_parse *parse);

/* Sets a flag's field and its `given`; list flags append.  The error is the reason alone, with what
 * was expected. */
int cli_parse_value(const struct cli_option *option, void *fields, const char *text,
		    struct err *err);

/* A command's flag by its name (`len` bytes) or letter; --help, and with `is_root` --version, are
 * among them.  NULL if there is none. */
const struct cli_option *cli_option_find(const struct cli_command *command, bool is_root,
					 const char *name, size_t len);
const struct cli_option *cli_option_letter(const struct cli_command *command, bool is_root,
					   char letter);

/* The flags that no table lists: --help, and --version of the root; ends with {0}.  Their fields
 * are those of struct cli_parse. */
const struct cli_option *cli_builtin_options(bool is_root);
