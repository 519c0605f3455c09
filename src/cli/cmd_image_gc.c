// SPDX-License-Identifier: MIT
/*
 * `matchlock image gc` and `prune`: the blobs that no image names; with `prune -a` the images on
 * which no VM runs, too, once the user has said yes, on the terminal or by --force.  While a pull
 * is under way nothing can be told from garbage: it is waited for a little, and else cleans up at
 * its own end.
 */
#include "cli/cmd_image_gc.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "cli/images.h"
#include "image/store.h"
#include "image/store_gc.h"

#include <stdio.h>
#include <unistd.h>

enum { WAIT_MS = 2000, ANSWER_MAX = 64 };

const struct cli_option image_prune_flags[] = {
	{
		.name = "all",
		.letter = 'a',
		.help = "remove every image on which no sandbox runs, imported ones too",
		.type = &cli_bool,
		.offset = offsetof(struct image_prune_options, all),
	},
	{
		.name = "force",
		.letter = 'f',
		.help = "with --all: do not ask",
		.type = &cli_bool,
		.offset = offsetof(struct image_prune_options, force),
	},
	{0},
};

static int collect(struct store *store, struct gc_result *result, struct err *err)
{
	if (store_gc(store, WAIT_MS, result, err) < 0)
		return -1;
	if (result->busy)
		fprintf(stderr, "A pull is under way: what it does not need is removed when it has "
				"ended\n");
	if (result->in_use > 0)
		fprintf(stderr, "Kept %zu blobs that a sandbox runs on\n", result->in_use);
	printf("Removed %zu unreferenced blobs\n", result->removed);
	return 0;
}

int cmd_image_gc(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv ML_UNUSED,
		 struct err *err)
{
	AUTO(auto_store) struct store *store = NULL;
	struct gc_result result;

	if (images_open(&store, err) < 0)
		return -1;
	return collect(store, &result, err);
}

/* Sets *ret_yes when the images are to be removed.  Without a terminal only --force says so. */
static int ask(struct store *store, bool *ret_yes, struct err *err)
{
	char answer[ANSWER_MAX];
	struct store_usage usage;

	if (store_measure(store, &usage, err) < 0)
		return -1;
	*ret_yes = usage.images == usage.images_in_use;
	if (*ret_yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			       "image prune --all removes images, imported ones for good: without "
			       "a terminal to ask at it needs --force");
	fprintf(stderr,
		"This removes all images on which no sandbox runs: %zu of %zu.  Imported ones "
		"cannot be\npulled again.  Go on? [y/N] ",
		usage.images - usage.images_in_use, usage.images);
	*ret_yes = fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
	return 0;
}

int cmd_image_prune(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct image_prune_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_strv) char **tags = NULL;
	AUTO_FREE char *freed = NULL;
	struct gc_result result;
	bool yes = true;

	if (images_open(&store, err) < 0 ||
	    (options->all && !options->force && ask(store, &yes, err) < 0))
		return -1;
	if (!yes) {
		printf("Removed nothing\n");
		return 0;
	}
	if (options->all && store_forget_unused(store, &tags, err) < 0)
		return -1;
	for (size_t i = 0; tags && tags[i]; i++)
		printf("Removed %s\n", tags[i]);
	if (collect(store, &result, err) < 0)
		return -1;
	freed = images_size_text(result.freed);
	printf("Freed: %s\n", freed);
	return 0;
}
