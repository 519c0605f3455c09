// SPDX-License-Identifier: MIT
/*
 * image/reference.c: the input is a reference as a user types it.  Besides not crashing: what is
 * accepted, written out in full, reads as the same, and its parts are within their limits.
 */
#include "image/reference.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *print(const struct reference *reference)
{
	return xasprintf("%s/%s%s%s%s%s", reference->registry, reference->repository,
			 reference->tag ? ":" : "", reference->tag ? reference->tag : "",
			 reference->digest ? "@" : "", reference->digest ? reference->digest : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(reference_done) struct reference reference = {0}, again = {0};
	AUTO_FREE char *text = xstrndup((const char *)data, size), *full = NULL, *full_again = NULL;
	struct err err = {0};
	int result;

	if (reference_parse(text, &reference, &err) < 0) {
		assert(err.code == ERR_INVALID);
		assert(strncmp(err.msg, "parse image reference: ", 23) == 0);
		return 0;
	}
	assert(reference_is_registry(reference.registry));
	assert(strlen(reference.repository) <= LIMIT_REPOSITORY_NAME);
	assert(reference.tag || reference.digest);
	assert(!reference.digest || digest_is_valid(reference.digest));
	full = print(&reference);
	result = reference_parse(full, &again, &err);
	assert(result == 0);
	full_again = print(&again);
	assert(strcmp(full, full_again) == 0);
	assert(reference_is_loopback(&reference) == reference_is_loopback(&again));
	return 0;
}
