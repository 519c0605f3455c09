// SPDX-License-Identifier: MIT
/* The table of the group `volume`: see cli.h for its columns. */
#include "cli/cmd_volume.h"

#include "cli/cmd_volume_cp.h"
#include "cli/cmd_volume_create.h"
#include "cli/cmd_volume_ls.h"
#include "cli/cmd_volume_rm.h"
#include "cli/volumes.h"

const struct cli_command volume_commands[] = {
	{
		.name = "create",
		.operands = "<name>",
		.summary = "make an empty volume",
		.text = "Makes a volume: an ext4 file system that sandboxes mount with "
			"\"run --disk @NAME:PATH\" and that outlives them. One sandbox at a time "
			"writes to it, or any number read it.",
		.examples = "  matchlock volume create data --size 1024\n"
			    "  matchlock run --disk @data:/data --image matchlock/base -- touch "
			    "/data/x\n"
			    "  matchlock run --disk @data:/data:ro --image matchlock/base -- ls "
			    "/data\n",
		.min_args = 1,
		.max_args = 1,
		.options = volume_create_flags,
		.options_size = sizeof(struct volume_create_options),
		.options_init = volume_create_options_init,
		.run = cmd_volume_create,
	},
	{
		.name = "ls",
		.aliases = {"list"},
		.summary = "list the volumes",
		.max_args = CLI_ANY,
		.options = volume_ls_flags,
		.options_size = sizeof(struct volume_ls_options),
		.run = cmd_volume_ls,
	},
	{
		.name = "rm",
		.aliases = {"remove"},
		.operands = "<name>",
		.summary = "remove a volume and all that is in it",
		.text = "Removes a volume and all that is in it, unless a sandbox uses it.",
		.min_args = 1,
		.max_args = 1,
		.complete = volumes_offer_names,
		.run = cmd_volume_rm,
	},
	{
		.name = "cp",
		.aliases = {"copy"},
		.operands = "<from> <to>",
		.summary = "copy a volume",
		.text = "Copies a volume to a new one, unless a sandbox writes to it. The copy "
			"takes no more space than the original, and on a file system that can "
			"share blocks (XFS, Btrfs) at first none.",
		.min_args = 2,
		.max_args = 2,
		.complete = volumes_offer_names,
		.run = cmd_volume_cp,
	},
	{0},
};
