// SPDX-License-Identifier: MIT
/*
 * `matchlock image rm TAG`: forgets the local image of that tag, else the registry's, and frees the
 * blobs that no other image has (reference: cli-and-rpc.md 5.3).  A VM that runs on it keeps them
 * until its end.
 */
#include "cli/cmd_image_rm.h"

#include "base/auto.h"
#include "cli/images.h"
#include "image/store.h"
#include "image/store_gc.h"

#include <stdio.h>

int cmd_image_rm(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	AUTO(auto_store) struct store *store = NULL;

	if (images_open(&store, err) < 0 || store_remove(store, argv[0], err) < 0)
		return -1;
	printf("Removed %s\n", argv[0]);
	store_gc_quietly(store);
	return 0;
}
