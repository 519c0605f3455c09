// SPDX-License-Identifier: MIT
/* What the commands about images share: see images.h. */
#include "cli/images.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/complete.h"
#include "cli/types.h"
#include "image/resolve.h"
#include "image/store.h"

#include <string.h>
#include <unistd.h>

int images_open(struct store **ret_store, struct err *err)
{
	AUTO_FREE char *cache_home = NULL;

	if (path_cache_home(&cache_home, err) < 0)
		return -1;
	return store_open(cache_home, ret_store, err);
}

char *images_size_text(uint64_t bytes)
{
	return xasprintf("%.1f MB", (double)bytes / (1024 * 1024));
}

static void offer_tags(struct cli_candidates *candidates, bool with_base)
{
	AUTO_FREE char *cache_home = NULL, *path = NULL;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(image_rows_done) struct image_rows rows = {0};
	struct err err;

	if (path_cache_home(&cache_home, &err) < 0)
		return;
	path = path_join(cache_home, "images/metadata.db");
	if (access(path, R_OK) < 0 || store_open(cache_home, &store, &err) < 0 ||
	    store_list(store, &rows, &err) < 0)
		return;
	for (size_t i = 0; i < rows.count; i++) {
		if (with_base || strcmp(rows.rows[i].tag, "matchlock/base") != 0)
			cli_offer(candidates, rows.rows[i].tag, rows.rows[i].source);
	}
}

void images_offer_tags(struct cli_candidates *candidates)
{
	offer_tags(candidates, true);
}

void images_offer_refs(struct cli_candidates *candidates)
{
	cli_offer(candidates, "matchlock/base", "the small image that comes with matchlock");
	offer_tags(candidates, false);
}

/* --- --pull --- */

static const char *const policy_names[] = {
	[PULL_MISSING] = "missing",
	[PULL_ALWAYS] = "always",
	[PULL_NEVER] = "never",
};

static int parse_policy(void *field, const char *text, struct err *err)
{
	enum pull_policy *policy = field;
	bool always;

	for (size_t i = 0; i < ARRAY_SIZE(policy_names); i++) {
		if (strcmp(text, policy_names[i]) == 0) {
			*policy = (enum pull_policy)i;
			return 0;
		}
	}
	if (text_to_bool(text, &always, err) < 0)
		return err_set(err, ERR_INVALID, "no such policy");
	*policy = always ? PULL_ALWAYS : PULL_MISSING;
	return 0;
}

static char *format_policy(const void *field)
{
	return xstrdup(policy_names[*(const enum pull_policy *)field]);
}

const struct cli_type images_pull_type = {
	.expected = "always, missing, never, true or false",
	.is_switch = true,
	.parse = parse_policy,
	.format = format_policy,
};

void images_offer_policies(struct cli_candidates *candidates)
{
	for (size_t i = 0; i < ARRAY_SIZE(policy_names); i++)
		cli_offer(candidates, policy_names[i], NULL);
}
