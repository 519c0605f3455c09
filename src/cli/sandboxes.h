// SPDX-License-Identifier: MIT
/* What the commands on sandboxes of other processes share. */
#pragma once

#include "base/err.h"
#include "state/state.h"

#include <jansson.h>

struct cli_candidates;

struct sandboxes {
	char *home; /* the state directory */
	struct state *state;
};

/* The user's sandboxes; release with sandboxes_done(). */
int sandboxes_open(struct sandboxes *ret_sandboxes, struct err *err);
void sandboxes_done(struct sandboxes *sandboxes);

/* One thing done to one sandbox, with a line on standard output; `options` are the command's. */
typedef int sandboxes_act(struct sandboxes *sandboxes, const struct sandbox_row *row,
			  const void *options, struct err *err);

/* Does it to each of the NULL-ended `words`, ids or names.  One that fails does not keep the others
 * from it; all errors but the last are printed. */
int sandboxes_each(struct sandboxes *sandboxes, char *const *words, sandboxes_act *act,
		   const void *options, struct err *err);

/* Does it to all that run, or to all that do not.  Failures are printed as "Failed to VERB ID:
 * ...", and are no error. */
int sandboxes_all(struct sandboxes *sandboxes, bool running, sandboxes_act *act,
		  const void *options, const char *verb, struct err *err);

/* The object of `get` (reference: cli-and-rpc.md 6.3), with name and labels if there are any and
 * without the values of secrets. */
json_t *sandboxes_to_json(const struct sandbox_row *row);

/* Connects to the supervisor of the sandbox that `word` names, and gives its directory, malloc'ed.
 * ERR_NOT_FOUND, ERR_CONFLICT: there is no such sandbox, or it does not run. */
int sandboxes_connect(const char *word, char **ret_dir, int *ret_sock, struct err *err);

/* Offers ids and names to the shell; nothing is created for it. */
void sandboxes_offer_ids(struct cli_candidates *candidates);
