// SPDX-License-Identifier: MIT
/*
 * One layer, in one pass: compressed tar bytes in, an EROFS image out.  Push interface: whoever has
 * the bytes (a registry, an archive) feeds them; digest, inflation, tar and writer run as they
 * come.  Runs in the image worker only; one layer belongs to one thread at a time, which itself
 * does digest and inflation, while a thread of the layer's own does tar and writer.
 *
 * What becomes of an entry: owner, mode, times, links, devices and holes are kept; of the
 * attributes those that EROFS can hold, but for trusted.overlay.*.  Whiteouts become overlayfs's
 * own.  Names are bytes, of whatever encoding.  Refused with the entry's name: a `..` in a path,
 * a path through something that is no directory, and all that is over a limit.
 *
 * Where the layer needs something of those below it (layer_below.h), its thread waits until they
 * are finished, once it has all bytes of its own.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layer;
struct layer_order;

struct layer_limits {
	uint64_t max_size;  /* bytes of tar that a layer may inflate to */
	unsigned max_ratio; /* tar bytes per compressed byte, once 1 MiB has come out */
};

/* Where the layer lies among the others of its image.  All is borrowed. */
struct layer_place {
	struct layer_order *order;
	size_t layer;
	/* Opens the image of a finished layer below, the descriptor is the caller's.  Called by the
	 * layer's thread. */
	int (*open)(void *ctx, size_t layer, int *ret_fd, struct err *err);
	void *ctx;
};

struct layer_result {
	char digest[DIGEST_TEXT_SIZE];	/* of the compressed bytes */
	char diff_id[DIGEST_TEXT_SIZE]; /* of the tar */
	uint64_t compressed_size, tar_size;
	uint64_t entries;
	bool chained; /* the image depends on the layers below */
};

/* `fd`: an empty regular file for the EROFS image, the caller's.  The compression is recognised by
 * its first bytes (gzip, zstd, plain tar). */
int layer_open(int fd, const struct layer_limits *limits, const struct layer_place *place,
	       struct layer **ret_layer, struct err *err);
void layer_free(struct layer *layer);
DEFINE_AUTO(layer)

/* The next compressed bytes.  A failure names the entry ("usr/bin/x: ...") and is final. */
int layer_write(struct layer *layer, const void *bytes, size_t len, struct err *err);

/* The end of the bytes: finishes the image.  ERR_IO for a stream that ends early. */
int layer_finish(struct layer *layer, struct layer_result *ret_result, struct err *err);
