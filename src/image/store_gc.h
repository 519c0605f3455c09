// SPDX-License-Identifier: MIT
/* Freeing what nobody needs.  Blobs that a VM runs on are kept by every function here. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct gc_result {
	size_t removed, in_use;	     /* blobs that no image names */
	uint64_t freed, in_use_size; /* bytes allocated by them */
	bool busy;		     /* a pull is under way, which cleans up when it has ended */
};

/* Removes the blobs that no image names, and files that a dead pull has left.  Waits up to
 * `wait_ms` for pulls to end; while one goes on, nothing is removed and `busy` is set. */
int store_gc(struct store *store, unsigned wait_ms, struct gc_result *ret_result, struct err *err);

/* The same after a change, without waiting and without a word: what cannot be removed now is for
 * the next time. */
void store_gc_quietly(struct store *store);

/* Removes only what is no blob; the caller has images/.pulling to himself. */
int store_remove_stale(struct store *store, struct err *err);

/* Forgets every image of whose blobs none is in use; *ret_tags (base/strv.h) names them.  Their
 * blobs are store_gc()'s. */
int store_forget_unused(struct store *store, char ***ret_tags, struct err *err);

/* What store_gc() would look at, and what store_forget_unused() would free; nothing is changed. */
struct store_usage {
	size_t images, images_in_use;
	size_t blobs;
	uint64_t size; /* of all blobs */
	uint64_t used; /* of those that a VM runs on */
	size_t dangling;
	uint64_t dangling_size; /* of those that no image names and no VM runs on */
};
int store_measure(struct store *store, struct store_usage *ret_usage, struct err *err);
