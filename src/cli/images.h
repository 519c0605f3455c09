// SPDX-License-Identifier: MIT
/* What the commands about images share. */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct cli_candidates;
struct store;

/* The user's image store. */
int images_open(struct store **ret_store, struct err *err);

/* "12.3 MB" of 2^20 bytes, malloc'ed. */
char *images_size_text(uint64_t bytes);

/* Offers the tags of the store to the shell; nothing is created for it. */
void images_offer_tags(struct cli_candidates *candidates);
/* The same and matchlock/base, for what takes any reference. */
void images_offer_refs(struct cli_candidates *candidates);

struct cli_type;
/* enum pull_policy: a switch that also takes always, missing or never. */
extern const struct cli_type images_pull_type;
void images_offer_policies(struct cli_candidates *candidates);
