// SPDX-License-Identifier: MIT
/* What a run tells of its network at its end. */
#pragma once

#include "api/sandbox_spec.h"

#include <stdbool.h>

struct audit_note {
	const struct sandbox_spec *spec;
	const char *state_home, *id; /* of the sandbox, whose directory is still there */
	bool kept;		     /* and will be: without --rm */
	bool denials;		     /* tell them */
};

/* The lines, malloc'ed and without the last one's end: with --audit-only the policy that would have
 * been enough; how much was denied, and where to see why.  NULL: there is nothing to tell. */
char *audit_note(const struct audit_note *note);
