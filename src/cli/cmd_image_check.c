// SPDX-License-Identifier: MIT
/*
 * `matchlock image check`: reads every blob and removes what is damaged, so that the next pull
 * brings it anew.  Exit status 1 when anything was wrong.
 */
#include "cli/cmd_image_check.h"

#include "base/auto.h"
#include "cli/images.h"
#include "cli/json_out.h"
#include "image/store.h"
#include "image/store_check.h"
#include "image/store_gc.h"

#include <stdio.h>

const struct cli_option image_check_flags[] = {
	{
		.name = "json",
		.help = "print JSON, one object for each blob",
		.type = &cli_bool,
		.offset = offsetof(struct image_check_options, json),
	},
	{0},
};

static const char *const state_names[] = {
	[BLOB_OK] = "ok",
	[BLOB_DAMAGED] = "damaged",
	[BLOB_MISSING] = "missing",
};

static void print_text(const struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct blob_report *blob = &report->blobs[i];

		if (blob->state == BLOB_OK)
			continue;
		printf("%s: %s\n", blob->digest, state_names[blob->state]);
		for (char **tag = blob->tags; tag && *tag; tag++)
			printf("  removed %s\n", *tag);
	}
	printf("Checked %zu blobs, %zu damaged or missing\n", report->count, report->bad);
}

static void print_json(const struct check_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct blob_report *blob = &report->blobs[i];
		json_t *tags = json_array();

		for (char **tag = blob->tags; tag && *tag; tag++)
			json_array_append_new(tags, json_string(*tag));
		json_array_append_new(list,
				      json_pack("{ss ss so}", "digest", blob->digest, "status",
						state_names[blob->state], "removed", tags));
	}
	json_print(list);
}

int cmd_image_check(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct image_check_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(check_report_done) struct check_report report = {0};

	if (images_open(&store, err) < 0 || store_check(store, &report, err) < 0)
		return -1;
	if (options->json)
		print_json(&report);
	else
		print_text(&report);
	if (report.bad == 0)
		return 0;
	store_gc_quietly(store); /* the sound blobs of the images that were removed */
	return err_set(err, ERR_IO,
		       "%zu blobs were damaged or missing: the images above are no longer in the "
		       "store; 'matchlock pull' brings them again",
		       report.bad);
}
