// SPDX-License-Identifier: MIT
/* `matchlock setup`: the flags of setup/setup.h (reference: cli-and-rpc.md 9.4, 9.5). */
#include "cli/cmd_setup.h"

#include "base/attr.h"
#include "setup/setup.h"

#include <stdlib.h>

#define FIELD(name) offsetof(struct setup_options, name)

const struct cli_option setup_linux_flags[] = {
	{
		.name = "user",
		.metavar = "NAME",
		.help = "who is to run sandboxes (default: $SUDO_USER, else you)",
		.type = &cli_string,
		.offset = FIELD(user),
	},
	{
		.name = "binary",
		.metavar = "PATH",
		.help = "the program that is to be permitted (default: this one)",
		.type = &cli_string,
		.offset = FIELD(binary),
	},
	{
		.name = "install-dir",
		.metavar = "DIR",
		.help = "has no effect: QEMU goes where the distribution puts it",
		.type = &cli_string,
		.offset = FIELD(install_dir),
	},
	{
		.name = "best-effort",
		.help = "go on when a step fails, except for the user's groups",
		.type = &cli_bool,
		.offset = FIELD(best_effort),
	},
	{
		.name = "dry-run",
		.help = "only print what would be done; needs no root",
		.type = &cli_bool,
		.offset = FIELD(dry_run),
	},
	{
		.name = "skip-vmm",
		.help = "do not install QEMU",
		.type = &cli_bool,
		.offset = FIELD(skip_vmm),
	},
	{
		.name = "skip-firecracker",
		.help = "the same, by its name in earlier releases",
		.type = &cli_bool,
		.offset = FIELD(skip_vmm),
	},
	{
		.name = "skip-permissions",
		.help = "leave devices and the program's permissions alone",
		.type = &cli_bool,
		.offset = FIELD(skip_permissions),
	},
	{
		.name = "skip-network",
		.help = "leave out what is said about the network",
		.type = &cli_bool,
		.offset = FIELD(skip_network),
	},
	{0},
};

void setup_options_done(void *options)
{
	struct setup_options *setup = options;

	free(setup->user);
	free(setup->binary);
	free(setup->install_dir);
}

const struct cli_option setup_user_flags[] = {
	{
		.name = "dry-run",
		.help = "only print what would be done; needs no root",
		.type = &cli_bool,
		.offset = offsetof(struct setup_user_options, dry_run),
	},
	{0},
};

int cmd_setup_linux(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	if (setup_linux(cli->options, err) < 0)
		return err->code == ERR_DENIED ? -1 : err_wrap(err, "setup linux");
	return 0;
}

int cmd_setup_user(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct setup_user_options *options = cli->options;

	return setup_user(argv[0], options->dry_run, err);
}
