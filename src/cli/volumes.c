// SPDX-License-Identifier: MIT
/* What the commands on named volumes share: see volumes.h. */
#include "cli/volumes.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "cli/complete.h"

char *volumes_size_text(const struct volume_row *row)
{
	return xasprintf("%.1f MB", (double)row->size / (1 << 20));
}

json_t *volumes_to_json(const struct volume_row *row)
{
	AUTO_FREE char *size = volumes_size_text(row);

	return json_pack("{ss ss ss}", "name", row->name, "size", size, "path", row->path);
}

void volumes_offer_names(struct cli_candidates *candidates)
{
	AUTO(volume_rows_done) struct volume_rows rows = {0};
	AUTO_FREE char *cache_home = NULL;
	struct err ignored;

	if (path_cache_home(&cache_home, &ignored) < 0 ||
	    volume_list(cache_home, &rows, &ignored) < 0)
		return;
	for (size_t i = 0; i < rows.count; i++) {
		AUTO_FREE char *size = volumes_size_text(&rows.rows[i]);

		cli_offer(candidates, rows.rows[i].name, size);
	}
}
