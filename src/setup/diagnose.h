// SPDX-License-Identifier: MIT
/* `matchlock diagnose`: what keeps this user from running sandboxes on this host, and what mends
 * it.  Changes nothing but what any other command would. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum check_status { CHECK_PASS, CHECK_WARN, CHECK_FAIL };

struct check_result {
	const char *name; /* stable: scripts go by it */
	enum check_status status;
	char *message; /* one line */
	char *fix;     /* the command that mends it; NULL: none */
};

struct diagnosis {
	struct check_result *results;
	size_t count;
	bool ok; /* nothing failed; warnings are no failure */
};
void diagnosis_done(struct diagnosis *diagnosis);

/* Makes all checks, in the order of their table.  Fails only when there is no home. */
int diagnose(struct diagnosis *ret_diagnosis, struct err *err);
