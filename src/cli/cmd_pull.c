// SPDX-License-Identifier: MIT
/*
 * `matchlock pull REF`: brings an image into the store, unless it is there (reference:
 * cli-and-rpc.md 5.2).
 *
 * A signal ends the process at once; the worker notices, removes what it had not finished, and ends
 * too.  Layers that were finished are not fetched again.
 */
#include "cli/cmd_pull.h"

#include "base/auto.h"
#include "cli/images.h"
#include "cli/progress.h"
#include "image/resolve.h"
#include "image/store.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIME_LIMIT_S = 600 };

#define FIELD(member) offsetof(struct pull_options, member)

const struct cli_option pull_flags[] = {
	{
		.name = "force",
		.help = "ask the registry even if the image is in the store",
		.type = &cli_bool,
		.offset = FIELD(force),
	},
	{
		.name = "tag",
		.letter = 't',
		.metavar = "name",
		.help = "save the image under this local tag too",
		.type = &cli_string,
		.offset = FIELD(tag),
	},
	{
		.name = "platform",
		.metavar = "os/arch[/variant]",
		.help = "the platform to choose, such as linux/arm64, instead of this host's",
		.type = &cli_string,
		.offset = FIELD(platform),
	},
	{
		.name = "quiet",
		.letter = 'q',
		.help = "do not show progress",
		.type = &cli_bool,
		.offset = FIELD(quiet),
	},
	{0},
};

void pull_options_done(void *options)
{
	struct pull_options *pull = options;

	free(pull->tag);
	free(pull->platform);
	*pull = (struct pull_options){0};
}

static int resolve(struct store *store, const struct pull_options *options, const char *ref,
		   struct image **ret_image, struct err *err)
{
	AUTO(progress_done) struct progress progress = {0};
	struct resolve_request request = {
		.ref = ref,
		.platform = options->platform && *options->platform ? options->platform : NULL,
		.policy = options->force ? PULL_ALWAYS : PULL_MISSING,
		.progress = progress_update,
		.ctx = &progress,
	};
	bool pulled;
	int result;

	progress_init(&progress, PROGRESS_LINES, TIME_LIMIT_S);
	if (options->quiet)
		progress.style = PROGRESS_NONE;
	result = resolve_image(store, &request, ret_image, &pulled, err);
	if (result < 0 && err->code == ERR_CANCELLED && progress_timed_out(&progress))
		return err_set(err, ERR_TIMEOUT, "pull image: took longer than %d s", TIME_LIMIT_S);
	return result;
}

int cmd_pull(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct pull_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	AUTO_FREE char *size = NULL;

	if (images_open(&store, err) < 0)
		return -1;
	printf("Pulling %s...\n", argv[0]);
	fflush(stdout);
	if (resolve(store, options, argv[0], &image, err) < 0)
		return -1;
	if (options->tag && *options->tag) {
		if (store_tag(store, image, options->tag, err) < 0)
			return err_wrap(err, "saving tag");
		printf("Tagged: %s\n", options->tag);
	}
	size = images_size_text(image->size);
	printf("Digest: %s\nSize: %s\n", image->digest, size);
	return 0;
}
