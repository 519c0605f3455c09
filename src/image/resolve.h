// SPDX-License-Identifier: MIT
/*
 * From a reference as typed to an image in the store (reference: cli-and-rpc.md 5.1): the local
 * store's entry of just this string, the registry cache's, or a pull.  Each function holds the
 * store's locks as store.h has it and lets gc run at its end.
 */
#pragma once

#include "base/err.h"
#include "image/worker.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct image;

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

struct resolve_request {
	const char *ref;
	const char *platform; /* as in struct pull_request; another than NULL is always pulled,
			       * since the store does not say what its entries are */
	enum pull_policy policy;
	uint64_t max_size;
	bool (*progress)(void *ctx, const struct pull_progress *progress);
	void *ctx;
};

/* `*ret_pulled` tells whether it had to be brought.  matchlock/base comes from its artefact
 * whatever the policy. */
int resolve_image(struct store *store, const struct resolve_request *request,
		  struct image **ret_image, bool *ret_pulled, struct err *err);

/* The archive on `fd` becomes the local image `tag`, source "import". */
int resolve_import(struct store *store, int fd, const char *tag, uint64_t max_size,
		   struct image **ret_image, struct err *err);
