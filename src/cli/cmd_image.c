// SPDX-License-Identifier: MIT
/* The table of the group `image`: see cli.h for its columns. */
#include "cli/cmd_image.h"

#include "cli/cmd_image_check.h"
#include "cli/cmd_image_export.h"
#include "cli/cmd_image_gc.h"
#include "cli/cmd_image_import.h"
#include "cli/cmd_image_ls.h"
#include "cli/cmd_image_rm.h"
#include "cli/images.h"

const struct cli_command image_commands[] = {
	{
		.name = "ls",
		.aliases = {"list"},
		.summary = "list the images of the store",
		.options = image_ls_flags,
		.options_size = sizeof(struct image_ls_options),
		.run = cmd_image_ls,
	},
	{
		.name = "rm",
		.aliases = {"remove"},
		.operands = "<tag>",
		.summary = "remove an image",
		.text = "Removes the local image of this tag, or else the one that came from a "
			"registry, and frees what no other image shares. Sandboxes that run on it "
			"go on.",
		.min_args = 1,
		.max_args = 1,
		.complete = images_offer_tags,
		.run = cmd_image_rm,
	},
	{
		.name = "import",
		.operands = "<tag>",
		.summary = "make an image of an archive on standard input",
		.text = "Reads what \"docker save\" or \"skopeo copy ... oci-archive:\" wrote, "
			"compressed "
			"or not, and saves it under the tag.",
		.examples = "  docker save app:1 | matchlock image import app:1\n",
		.min_args = 1,
		.max_args = 1,
		.complete = images_offer_tags,
		.run = cmd_image_import,
	},
	{
		.name = "export",
		.operands = "<tag>",
		.summary = "write an image as an OCI archive",
		.text = "Writes an image of the store as an OCI archive, which skopeo, podman and "
			"\"image import\" read, to standard output or to a file.",
		.examples = "  matchlock image export app:1 | podman load\n",
		.min_args = 1,
		.max_args = 1,
		.options = image_export_flags,
		.options_size = sizeof(struct image_export_options),
		.options_done = image_export_options_done,
		.complete = images_offer_tags,
		.run = cmd_image_export,
	},
	{
		.name = "gc",
		.summary = "free the blobs that no image names",
		.run = cmd_image_gc,
	},
	{
		.name = "prune",
		.summary = "free what is not used",
		.text = "Frees the blobs that no image names; with --all first removes every image "
			"on which no sandbox runs, after asking; without a terminal that needs "
			"--force. An image that was imported can then not be pulled again.",
		.options = image_prune_flags,
		.options_size = sizeof(struct image_prune_options),
		.run = cmd_image_prune,
	},
	{
		.name = "check",
		.summary = "look for damaged images",
		.text = "Reads every blob and compares it with what it was when it was saved. One "
			"that is damaged or missing is removed together with the images that need "
			"it, so that the next pull brings them again; the exit status is then 1.",
		.options = image_check_flags,
		.options_size = sizeof(struct image_check_options),
		.run = cmd_image_check,
	},
	{0},
};
