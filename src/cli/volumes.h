// SPDX-License-Identifier: MIT
/* What the commands on named volumes share. */
#pragma once

#include "state/volume.h"

#include <jansson.h>

struct cli_candidates;

/* "16.0 MB", malloc'ed. */
char *volumes_size_text(const struct volume_row *row);

/* The object that create and ls print (reference: cli-and-rpc.md chapter 8). */
json_t *volumes_to_json(const struct volume_row *row);

/* Offers the names of volumes to the shell. */
void volumes_offer_names(struct cli_candidates *candidates);
