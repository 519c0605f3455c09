// SPDX-License-Identifier: MIT
/* What all the sandboxes that are looked at take at one moment. */
#pragma once

#include "cli/sandboxes.h"
#include "sandbox/usage.h"

struct stats_entry {
	const struct sandbox_row *row; /* of the sample */
	struct usage usage;
	double cpu; /* percent of the VM's CPUs since the sample before, or USAGE_UNKNOWN */
};

struct stats_sample {
	struct sandbox_rows rows;
	struct stats_entry *entries; /* newest first */
	size_t count;
};

/* Measures the sandboxes whose ids are in `ids` (base/strv.h), or with NULL all that run.  What was
 * in `sample` is the sample before, or all zero, and is replaced; after an error it is as it was.
 */
int stats_sample_take(struct stats_sample *sample, struct sandboxes *sandboxes, char *const *ids,
		      struct err *err);
void stats_sample_done(struct stats_sample *sample);

/* Brings what takes most CPU to the top. */
void stats_sample_sort(struct stats_sample *sample);
