// SPDX-License-Identifier: MIT
/*
 * `matchlock volume create` (reference: cli-and-rpc.md chapter 8).  Some clients read standard
 * output and standard error as one text, so nothing else is printed on success.
 */
#include "cli/cmd_volume_create.h"

#include "base/auto.h"
#include "base/path.h"
#include "cli/json_out.h"
#include "cli/volumes.h"

#include <stdio.h>

enum { DEFAULT_MB = 10240 };

const struct cli_option volume_create_flags[] = {
	{
		.name = "size",
		.metavar = "MiB",
		.help = "the volume's size; it takes no more space than what is written to it",
		.type = &cli_int,
		.offset = offsetof(struct volume_create_options, size_mb),
	},
	{
		.name = "json",
		.help = "print JSON",
		.type = &cli_bool,
		.offset = offsetof(struct volume_create_options, json),
	},
	{0},
};

void volume_create_options_init(void *options)
{
	((struct volume_create_options *)options)->size_mb = DEFAULT_MB;
}

int cmd_volume_create(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct volume_create_options *options = cli->options;
	AUTO(volume_row_done) struct volume_row row = {0};
	AUTO_FREE char *cache_home = NULL;

	if (path_cache_home(&cache_home, err) < 0 ||
	    volume_create(cache_home, argv[0], options->size_mb, &row, err) < 0)
		return -1;
	if (options->json)
		json_print(volumes_to_json(&row));
	else
		printf("Created volume %s (%lld MB)\n", row.name, (long long)options->size_mb);
	return 0;
}
