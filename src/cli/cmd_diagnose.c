// SPDX-License-Identifier: MIT
/*
 * `matchlock diagnose`: the checks of setup/diagnose.h, a line each or as JSON (reference:
 * cli-and-rpc.md 9.3).  Exit status 1 when one fails; warnings are none.
 */
#include "cli/cmd_diagnose.h"

#include "base/attr.h"
#include "base/auto.h"
#include "cli/json_out.h"
#include "setup/diagnose.h"

#include <stdio.h>

const struct cli_option diagnose_flags[] = {
	{
		.name = "json",
		.help = "print JSON",
		.type = &cli_bool,
		.offset = offsetof(struct diagnose_options, json),
	},
	{0},
};

static const struct {
	const char *name, *mark;
} statuses[] = {
	[CHECK_PASS] = {"pass", "✓"},
	[CHECK_WARN] = {"warn", "⚠"},
	[CHECK_FAIL] = {"fail", "✗"},
};

static void print_text(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct check_result *check = &diagnosis->results[i];

		printf("%s %s: %s\n", statuses[check->status].mark, check->name, check->message);
		if (check->fix)
			printf("  fix: %s\n", check->fix);
	}
}

static void print_json(const struct diagnosis *diagnosis)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct check_result *check = &diagnosis->results[i];

		json_array_append_new(list,
				      json_pack("{ss ss ss ss*}", "name", check->name, "status",
						statuses[check->status].name, "message",
						check->message, "fix", check->fix));
	}
	json_print(json_pack("{sb so}", "ok", diagnosis->ok, "checks", list));
}

int cmd_diagnose(struct cli *cli, int argc ML_UNUSED, char **argv ML_UNUSED, struct err *err)
{
	const struct diagnose_options *options = cli->options;
	AUTO(diagnosis_done) struct diagnosis diagnosis = {0};

	if (diagnose(&diagnosis, err) < 0)
		return -1;
	if (options->json)
		print_json(&diagnosis);
	else
		print_text(&diagnosis);
	return diagnosis.ok ? 0
			    : err_set(err, ERR_UNAVAILABLE,
				      "diagnose failed: one or more checks failed");
}
