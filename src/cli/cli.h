// SPDX-License-Identifier: MIT
/*
 * The command line as tables.  One row a command, one row a flag; parsing, help, defaults from the
 * environment and shell completion all come from them (reference: cli-and-rpc.md chapter 1).
 *
 * A command is `int cmd_x(struct cli *cli, int argc, char **argv, struct err *err)` and a row of
 * cli/commands.c.  Its flags fill a struct of its own, which the framework allocates, initialises,
 * fills and releases; the command finds it at cli->options and the words left at argv (no program
 * name, NULL-ended).  It returns -1 with err, which becomes the last line on stderr and exit status
 * 1; or 0, and the process exits with cli->exit_code.
 */
#pragma once

#include "base/err.h"
#include "cli/types.h"

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct cli_candidates; /* cli/complete.h */

struct cli_option {
	const char *name;    /* "memory" for --memory */
	char letter;	     /* 'm', or 0 */
	const char *metavar; /* "MiB", or NULL for a switch */
	const char *help;    /* a sentence without its full stop */
	const struct cli_type *type;
	size_t offset;		    /* of the field in the command's options struct */
	size_t given;		    /* of a bool set when it was given at all; 0 = none */
	bool required;		    /* on the command line or in the environment */
	bool secret;		    /* the value is not left in the list of arguments */
	const char *variable;	    /* an environment variable beside MATCHLOCK_<COMMAND>_<FLAG> */
	const char *const *choices; /* the only values, NULL-ended; NULL = any */
	/* Offers values to the shell; NULL = the choices, or none. */
	void (*complete)(struct cli_candidates *candidates);
};

enum { CLI_ANY = -1, CLI_DEPTH = 4, CLI_ALIASES = 2, CLI_OPTIONS_MAX = 64 };

struct cli_command {
	const char *name;
	const char *aliases[CLI_ALIASES];
	const char *operands;	/* "<id>" in the usage line, or NULL; "[flags]" is added */
	const char *summary;	/* one line of its parent's help */
	const char *text;	/* paragraphs of its own help; NULL = the summary */
	const char *examples;	/* as shown, indented by two; or NULL */
	bool hidden;		/* from help and completion */
	bool raw;		/* gets its arguments unparsed */
	int min_args, max_args; /* words that are no flags; CLI_ANY = no limit */
	const struct cli_option *options;    /* ends with {0}; NULL = none */
	size_t options_size;		     /* of the struct they fill */
	void (*options_init)(void *options); /* sets the defaults; NULL = all zero */
	void (*options_done)(void *options); /* releases what the fields own; or NULL */
	const struct cli_command *children;  /* ends with {0}; NULL = none */
	/* Offers words to the shell; NULL = none. */
	void (*complete)(struct cli_candidates *candidates);
	/* NULL: a group, which prints its help. */
	int (*run)(struct cli *cli, int argc, char **argv, struct err *err);
};

struct cli {
	const struct cli_command *path[CLI_DEPTH]; /* from the root to the running command */
	size_t depth;
	void *options; /* of the running command */
	int exit_code; /* of the process, when the command returns 0 */
	char *hint;    /* lines printed below the error; owned */
};

/* Finds, parses and runs the command that argv names, and prints its error.  Returns the exit
 * status of the process. */
int cli_main(const struct cli_command *root, int argc, char **argv);

/* The command that runs. */
const struct cli_command *cli_command(const struct cli *cli);

/* Its name with its parents': "matchlock run".  Malloc'ed. */
char *cli_path(const struct cli *cli);

/* Follows the words of the NULL-ended `args` (borrowed, reordered: the names of commands are taken
 * out) down from cli->path[0], and fills path and depth.  Returns the first word that names no
 * command of the group that was reached, or NULL. */
const char *cli_find(struct cli *cli, char **args);
