// SPDX-License-Identifier: MIT
/* `matchlock volume rm` (reference: cli-and-rpc.md chapter 8). */
#include "cli/cmd_volume_rm.h"

#include "base/auto.h"
#include "base/path.h"
#include "cli/sandboxes.h"
#include "state/volume.h"

#include <stdio.h>

int cmd_volume_rm(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO_FREE char *cache_home = NULL;

	if (path_cache_home(&cache_home, err) < 0 || sandboxes_open(&sandboxes, err) < 0 ||
	    volume_remove(sandboxes.state, cache_home, argv[0], err) < 0)
		return -1;
	printf("Removed volume %s\n", argv[0]);
	return 0;
}
