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
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "crypto/digest.h"

#include <stddef.h>
#include <stdint.h>

struct layer;
struct zstd_windows;

struct layer_limits {
	uint64_t max_size;	      /* bytes of tar that a layer may inflate to */
	unsigned max_ratio;	      /* tar bytes per compressed byte, once 1 MiB has come out */
	struct zstd_windows *windows; /* of layers that run at once; NULL: of one */
};

/* A hard link whose target is not in this layer, and so must be in one below.  It is not in the
 * image: merge_links() (image/merge.h) adds it. */
struct layer_link {
	char *path, *link; /* without a leading `/` */
};

struct layer_result {
	char digest[DIGEST_TEXT_SIZE];	/* of the compressed bytes */
	char diff_id[DIGEST_TEXT_SIZE]; /* of the tar */
	uint64_t compressed_size, tar_size;
	uint64_t entries;
	struct layer_link *links; /* in the order of the layer */
	size_t link_count;
};
void layer_result_done(struct layer_result *result);

/* `fd`: an empty regular file for the EROFS image, the caller's.  The compression is recognised by
 * its first bytes (gzip, zstd, plain tar). */
int layer_open(int fd, const struct layer_limits *limits, struct layer **ret_layer,
	       struct err *err);
void layer_free(struct layer *layer);
DEFINE_AUTO(layer)

/* The next compressed bytes.  A failure names the entry ("usr/bin/x: ...") and is final. */
int layer_write(struct layer *layer, const void *bytes, size_t len, struct err *err);

/* The end of the bytes: finishes the image.  ERR_IO for a stream that ends early. */
int layer_finish(struct layer *layer, struct layer_result *ret_result, struct err *err);
