// SPDX-License-Identifier: MIT
/*
 * `matchlock image import TAG`: an archive on standard input becomes a local image (reference:
 * cli-and-rpc.md 5.3).
 */
#include "cli/cmd_image_import.h"

#include "base/auto.h"
#include "cli/images.h"
#include "image/resolve.h"
#include "image/store.h"

#include <stdio.h>
#include <unistd.h>

int cmd_image_import(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	AUTO_FREE char *size = NULL;

	if (isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			       "the archive is read from standard input, which is a terminal: "
			       "'docker save IMAGE | matchlock image import TAG'");
	if (images_open(&store, err) < 0)
		return -1;
	fprintf(stderr, "Importing %s from stdin...\n", argv[0]);
	if (resolve_import(store, STDIN_FILENO, argv[0], 0, &image, err) < 0)
		return -1;
	size = images_size_text(image->size);
	printf("Imported: %s\nLayers: %zu\nSize: %s\n", argv[0], image->layer_count, size);
	return 0;
}
