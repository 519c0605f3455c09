// SPDX-License-Identifier: MIT
/*
 * `matchlock image export TAG`: an image of the store as an OCI archive, on standard output or in a
 * file.  The file is there as a whole or not at all.
 */
#include "cli/cmd_image_export.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "cli/complete.h"
#include "cli/images.h"
#include "image/store.h"
#include "image/worker_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct cli_option image_export_flags[] = {
	{
		.name = "output",
		.letter = 'o',
		.metavar = "file",
		.help = "write the archive to this file instead of standard output",
		.type = &cli_string,
		.offset = offsetof(struct image_export_options, output),
		.complete = cli_offer_files,
	},
	{0},
};

void image_export_options_done(void *options)
{
	struct image_export_options *export = options;

	free(export->output);
	*export = (struct image_export_options){0};
}

static int export_to_file(const struct image *image, const char *path, struct err *err)
{
	AUTO_FREE char *tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	AUTO_FD int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int result;

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", tmp);
	result = worker_export(image, image->tag, fd, err);
	if (result == 0 && rename(tmp, path) < 0)
		result = err_sys(err, errno, "rename '%s' to '%s'", tmp, path);
	if (result < 0)
		unlink(tmp);
	return result;
}

int cmd_image_export(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct image_export_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	bool to_file = options->output && *options->output;
	int result;

	if (!to_file && isatty(STDOUT_FILENO))
		return err_set(err, ERR_INVALID,
			       "the archive would be written to your terminal: use --output, or "
			       "redirect standard output");
	if (images_open(&store, err) < 0 || store_find(store, argv[0], &image, err) < 0)
		return -1;
	result = to_file ? export_to_file(image, options->output, err)
			 : worker_export(image, image->tag, STDOUT_FILENO, err);
	return result < 0 ? err_wrap(err, "export '%s'", argv[0]) : 0;
}
