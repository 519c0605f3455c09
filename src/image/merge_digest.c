// SPDX-License-Identifier: MIT
/* The name of merged layers: see merge.h. */
#include "image/merge.h"

#include <string.h>

static const char start[] = "matchlock-squash-v1\n";

void merge_digest(const char *const *diff_ids, size_t count, char ret_text[DIGEST_TEXT_SIZE])
{
	AUTO(auto_digest) struct digest *digest = digest_new();

	digest_update(digest, start, strlen(start));
	for (size_t i = 0; i < count; i++) {
		digest_update(digest, diff_ids[i], strlen(diff_ids[i]));
		digest_update(digest, "\n", 1);
	}
	digest_final(digest, ret_text);
}
