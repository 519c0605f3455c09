// SPDX-License-Identifier: MIT
/*
 * Completion scripts: see completion.h.  They are the files of cli/completion/, made into string
 * literals by the build; `@COMPLETE@` stands for the hidden command that answers them.
 */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

static const char bash_script[] =
#include "cli/matchlock.bash.inc"
	;
static const char zsh_script[] =
#include "cli/matchlock.zsh.inc"
	;
static const char fish_script[] =
#include "cli/matchlock.fish.inc"
	;
static const char powershell_script[] =
#include "cli/matchlock.ps1.inc"
	;

const struct cli_option completion_flags[] = {
	{
		.name = "no-descriptions",
		.help = "offer names only",
		.type = &cli_bool,
		.offset = offsetof(struct completion_options, no_descriptions),
	},
	{0},
};

static int print_script(const struct cli *cli, const char *script)
{
	static const char mark[] = "@COMPLETE@";
	const struct completion_options *options = cli->options;
	const char *at = strstr(script, mark);

	printf("%.*s%s%s", (int)(at - script), script,
	       options->no_descriptions ? "__completeNoDesc" : "__complete", at + sizeof(mark) - 1);
	return 0;
}

int cmd_completion_bash(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED,
			struct err *err ML_UNUSED)
{
	return print_script(cli, bash_script);
}

int cmd_completion_zsh(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED,
		       struct err *err ML_UNUSED)
{
	return print_script(cli, zsh_script);
}

int cmd_completion_fish(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED,
			struct err *err ML_UNUSED)
{
	return print_script(cli, fish_script);
}

int cmd_completion_powershell(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED,
			      struct err *err ML_UNUSED)
{
	return print_script(cli, powershell_script);
}
