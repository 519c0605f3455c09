// SPDX-License-Identifier: MIT
/* What a sandbox's audit comes to, told at the end of a run. */
#pragma once

#include "api/policy_spec.h"
#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct audit_summary {
	json_t *denied;	 /* how often, by host, in the order in which they came */
	json_t *entries; /* of the list, for what no entry of it allowed; a set, likewise */
	bool cut;	 /* there was more than is summed up */
};

/* Reads the records of the sandbox `id` in the file `path`; one that is not there has none.
 * Release with audit_summary_done(), also after an error. */
int audit_summary_read(const char *path, const char *id, struct audit_summary *ret_summary,
		       struct err *err);
void audit_summary_done(struct audit_summary *summary);

/* Appends "3 network requests were denied: evil.test (2), 10.0.0.1"; nothing if none was. */
void audit_summary_denied(const struct audit_summary *summary, struct buf *text);

/* Appends the policy file that would have been enough: the entries, and what `given` opens. */
int audit_summary_policy(const struct audit_summary *summary, const struct policy_spec *given,
			 struct buf *text, struct err *err);
