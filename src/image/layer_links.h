// SPDX-License-Identifier: MIT
/* Hard links of a layer into the layers below it, in the image worker. */
#pragma once

#include "base/err.h"
#include "image/blobs.h"
#include "image/layer.h"

#include <stddef.h>

/* Writes the image in `blob` anew with what the links of `result` lead to.  The layer is
 * diff_ids[index]; the blobs of those before it are finished.  Nothing to do without links. */
int layer_links_add(char *const *diff_ids, size_t index, const struct layer_result *result,
		    struct blob *blob, struct err *err);
