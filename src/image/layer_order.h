// SPDX-License-Identifier: MIT
/*
 * The layers of one image while threads make blobs of them at once.  Whatever needs more than its
 * share of memory, or what the layers below it show, waits until those are finished; the lowest
 * unfinished layer never waits, so all come to their end.
 *
 * One layer may take LAYER_MEMORY_MAX bytes in all (the window of its zstd stream, the names of its
 * entries, a large header), others at the same time LAYER_MEMORY_SHARE each: the image worker stays
 * under 64 MiB.  A layer of half a million files fits.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	LAYER_MEMORY_MAX = 40 * 1024 * 1024,
	LAYER_MEMORY_SHARE = 4 * 1024 * 1024,
};

struct layer_order;

struct layer_order *layer_order_new(size_t count);
void layer_order_free(struct layer_order *order);
DEFINE_AUTO(layer_order)

/* The blob of the layer is there (and the layer's memory is free). */
void layer_order_finish(struct layer_order *order, size_t layer);
/* No more layers are wanted: ends all waiting, with ERR_CANCELLED. */
void layer_order_cancel(struct layer_order *order);

/* Waits until all layers below this one are finished. */
int layer_order_wait(struct layer_order *order, size_t layer, struct err *err);

/* `size` bytes more for the layer, from any of its threads; may wait.  ERR_LIMIT. */
int layer_order_take(struct layer_order *order, size_t layer, size_t size, struct err *err);
void layer_order_give(struct layer_order *order, size_t layer, size_t size);
