// SPDX-License-Identifier: MIT
/*
 * Decompression of a stream whose bytes are pushed in as they come: gzip (also of many members),
 * zstd (also of many frames) or neither, recognised by the first bytes.  Memory is bounded: a
 * zstd window of more than 32 MiB is refused, and that of a layer among others is taken of its
 * order's memory (image/layer_order.h), for which inflate_run() may wait.
 *
 *	io = (struct inflate_io){.in = bytes, .out = block, .size = sizeof(block)};
 *	do {
 *		io.len = 0;
 *		inflate_run(inflate, &io, &err);
 *		...the first io.len bytes of the block...
 *	} while (io.len == io.size);
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflate;

struct inflate_io {
	struct view in; /* what has been taken is cut off its front */
	bool last;	/* nothing follows `in` */
	char *out;
	size_t size, len; /* room in `out`, and what of it is filled */
};

struct layer_order;

/* `order` is borrowed; NULL: the stream is no layer of an image. */
struct inflate *inflate_new(struct layer_order *order, size_t layer);
void inflate_free(struct inflate *inflate);
DEFINE_AUTO(inflate)

/* Appends to `out` until it is full or `in` is used up and gives no more; so `len` < `size` on
 * return means: all taken, all given, and with `last`: the stream is complete.  ERR_PROTOCOL for
 * corrupt bytes (with their place in the stream), ERR_IO for a stream that ends early, ERR_LIMIT
 * for the window, ERR_CANCELLED from the order. */
int inflate_run(struct inflate *inflate, struct inflate_io *io, struct err *err);
